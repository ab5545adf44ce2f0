"""The run engine with models made for the test: resuming, dividing work, failures as data."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.asking import Decoder, Part
from harness.cli import main
from harness.frames import Frames
from harness.models.base import AnswerError, Reply
from harness.plan import Plan, make_plan, spread
from harness.run import run, run_together
from tasks.errors import Failure, InputError
from tasks.question import Question

DRIVER = """
import sys, time
from pathlib import Path
from harness.models import trivial
from harness.plan import make_plan
from harness.run import run, run_together
from harness.asking import NO_VIDEO
plan = make_plan("synthetic@train", None, None, ["direct", "cot"], Path(sys.argv[1]))
model = trivial.trivial("random", plan.protocol, lambda: (), 0)
answer = model.answer
class Slow(trivial.TrivialModel):
    def answer(self, frames, questions):
        time.sleep(0.004)
        return super().answer(frames, questions)
slow = Slow(model.name, model.answer_of, model.protocol, model.note)
run(plan, Path(sys.argv[2]), lambda: slow, None)
"""


def scores(folder: Path) -> bytes:
    return (folder / "scores.json").read_bytes()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def harness(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def drive(root: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", DRIVER, str(root), str(folder)], stderr=subprocess.DEVNULL)


def test_kill_at_ten_random_moments_then_identical_scores(benchmark_root: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert drive(benchmark_root, whole).wait() == 0
    total, draw, interrupted = len(lines(whole)), random.Random(5), 0
    targets = sorted(draw.sample(range(1, total), 10))
    for target in targets:
        process = drive(benchmark_root, killed)
        path = killed / "samples.jsonl"
        while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < target):
            time.sleep(0.001)
        process.kill()
        interrupted += process.wait() == -signal.SIGKILL
    assert interrupted >= 8
    assert drive(benchmark_root, killed).wait() == 0
    assert scores(killed) == scores(whole)
    answered = [(line["id"], line["mode"]) for line in lines(killed)]
    assert len(answered) == len(set(answered)) == total


def test_ctrl_c_leaves_a_resumable_run(benchmark_root: Path, tmp_path: Path) -> None:
    process = drive(benchmark_root, tmp_path / "run")
    while not (tmp_path / "run" / "samples.jsonl").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0
    assert not (tmp_path / "run" / "scores.json").exists()
    assert drive(benchmark_root, tmp_path / "run").wait() == 0
    assert json.loads(scores(tmp_path / "run"))["modes"]["direct"]["coverage"] == 1.0


def test_a_changed_spec_is_refused_with_the_difference(benchmark_root: Path, tmp_path: Path) -> None:
    common = ["run", "--tasks", "synthetic", "--data-root", benchmark_root, "--output", tmp_path / "run"]
    assert harness(*common, "--model", "whole-video") == 0
    before = scores(tmp_path / "run")
    for change, words in (
        (["--model", "middle-half"], "model.name was 'whole-video', now 'middle-half'"),
        (["--model", "whole-video", "--split", "dev"], "split was 'test', now 'dev'"),
        (["--model", "whole-video", "--protocol", "default"], "protocol.name was 'synthetic', now 'default'"),
        (["--model", "whole-video", "--modes", "cot"], "modes was ['direct'], now ['cot']"),
        (["--model", "whole-video", "--limit", "3"], "limit was None, now 3"),
    ):
        with pytest.raises(InputError) as error:
            harness(*common, *change, "--debug")
        assert words in str(error.value)
    assert scores(tmp_path / "run") == before
    assert harness(*common, "--model", "whole-video") == 0
    assert len(lines(tmp_path / "run")) == 36


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "run.json").read_text())["sessions"])


def test_two_processes_give_the_same_scores_and_any_number_resumes(benchmark_root: Path, tmp_path: Path) -> None:
    arguments = [
        "run",
        "--model",
        "random",
        "--tasks",
        "synthetic@train",
        "--modes",
        "direct,cot",
        "--data-root",
        str(benchmark_root),
    ]
    assert harness(*arguments, "--output", tmp_path / "one") == 0
    script = Path(sys.executable).with_name("harness")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in ("asks", "finds nothing left to ask"):
        command = [*torchrun, *arguments, "--output", str(tmp_path / "two")]
        done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
        assert done.stdout.count(f"run: {tmp_path / 'two'}") == 1  # one table, whichever process ends last
        (session,) = read_sessions(tmp_path / "two")[-1:]
        assert {"timings_rank_0", "timings_rank_1"} <= session.keys()
    assert scores(tmp_path / "two") == scores(tmp_path / "one")
    assert len(lines(tmp_path / "two")) == 240
    # Rank 0 of 3 died early: whatever is left is finished by one process, and by two.
    for resume in ([], torchrun):
        folder = tmp_path / f"resumed{len(resume)}"
        folder.mkdir()
        kept = [line for i, line in enumerate((tmp_path / "one" / "samples.jsonl").read_text().splitlines(True)) if i % 5]
        (folder / "samples.jsonl").write_text("".join(kept))
        command = [*(resume or [str(script)]), *arguments, "--output", str(folder)]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        assert scores(folder) == scores(tmp_path / "one")
        assert len(lines(folder)) == 240


class Scripted:
    """Answers by video name; notes what it was asked."""

    name, needs_video, pixel_factor = "scripted", True, 28

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> Sequence[Reply | Failure]:
        assert frames is not None
        self.asked.append([f"{q.sample.query}/{q.mode}" for q in questions])
        if questions[0].sample.video.endswith("3"):
            raise AnswerError(Failure("out-of-memory", "too big"))
        return [Reply("1 to 4", "0" * 64, 10, 3) for _ in questions]


FRAMES = Frames(np.zeros((2, 28, 28, 3), np.uint8), np.array([0.0, 1.0]), 1.0, 0.0, "fake")


@contextmanager
def fake_decoder(_: object) -> Any:
    def frames(jobs: Any) -> Any:
        for job in jobs:
            yield job, Failure("decode-timeout", "slow") if job.key.endswith("2") else FRAMES

    yield Decoder(frames, lambda: 0.0)


def plan_with_videos(root: Path, count: int, modes: Sequence[str] = ("direct",)) -> Plan:
    videos = root / "synthetic" / "videos"
    videos.mkdir(exist_ok=True)
    for i in range(count):
        (videos / f"test_{i:04d}.mp4").touch()
    return make_plan("synthetic", None, None, modes, root)


def test_failures_are_typed_counted_scored_zero_and_asked_again(benchmark_root: Path, tmp_path: Path) -> None:
    model = Scripted()
    summary = run(plan_with_videos(benchmark_root, 10), tmp_path, lambda: model, fake_decoder)
    assert summary.scores is not None
    direct = summary.scores["modes"]["direct"]
    assert direct["counts"]["errors"] == {"decode-timeout": 3, "missing-video": 6, "out-of-memory": 3}
    assert summary.failed == 12
    assert direct["aggregate"]["n"] == 36
    assert direct["coverage"] == 24 / 36
    assert direct["on_answered"]["n"] == 24
    assert direct["aggregate"]["mIoU"] == pytest.approx(direct["on_answered"]["mIoU"] * 24 / 36)
    assert len(lines(tmp_path)) == 36
    # Once more with all the videos: only what failed is asked, what was answered is not.
    model.asked.clear()
    again = run(plan_with_videos(benchmark_root, 12), tmp_path, lambda: model, fake_decoder)
    assert len(model.asked) == 3
    assert again.failed == 6


def test_questions_of_a_video_come_together_in_both_modes(benchmark_root: Path, tmp_path: Path) -> None:
    model = Scripted()
    run(plan_with_videos(benchmark_root, 2, ("direct", "cot")), tmp_path, lambda: model, fake_decoder)
    assert [sorted(asked) for asked in model.asked] == [sorted(f"{q}/{m}" for q in
        ("red circle", "blue square", "white cross") for m in ("direct", "cot"))] * 2  # fmt: skip


def test_mixed_row_takes_the_better_mode_per_query(benchmark_root: Path, tmp_path: Path) -> None:
    plan = make_plan("synthetic", None, None, ("direct", "cot"), benchmark_root)
    replies = tmp_path / "replies.jsonl"
    rows = [{"id": s.id, "mode": "direct" if i % 2 else "cot", "text": "<answer>{} to {}</answer>".format(*s.truth.spans[0])}
            for i, s in enumerate(plan.samples)]  # fmt: skip
    replies.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["--tasks", "synthetic", "--modes", "direct,cot", "--data-root", benchmark_root, "--output", tmp_path / "run"]
    assert harness("run", "--model", f"replay:{replies}", *arguments) == 0
    modes = json.loads(scores(tmp_path / "run"))["modes"]
    assert [modes[m]["aggregate"]["mIoU"] for m in ("direct", "cot", "mixed-cot")] == [50, 50, 100]
    assert "oracle" in modes["mixed-cot"]
    assert modes["direct"]["counts"]["errors"] == {"no-row": 18}


def test_max_errors_decides_the_exit_code(benchmark_root: Path, tmp_path: Path) -> None:
    replies = tmp_path / "replies.jsonl"
    replies.write_text('{"id": "nobody asked this", "text": "1 to 2"}\n')
    common = ["run", "--model", f"replay:{replies}", "--tasks", "synthetic", "--data-root", benchmark_root]
    assert harness(*common, "--output", tmp_path / "a", "--max-errors", 35) == 1
    assert harness(*common, "--output", tmp_path / "b", "--max-errors", 36) == 0


def test_a_run_scores_again_and_replays_to_the_same_numbers(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--tasks", "synthetic", "--data-root", benchmark_root]
    assert harness("run", "--model", "random", *common, "--output", tmp_path / "run") == 0
    assert harness("run", "--model", f"replay:{tmp_path}/run/samples.jsonl", *common, "--output", tmp_path / "replayed") == 0
    assert scores(tmp_path / "replayed") == scores(tmp_path / "run")
    capsys.readouterr()
    assert harness("score", tmp_path / "run", "--data-root", benchmark_root, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(scores(tmp_path / "run"))
    assert harness("score", tmp_path / "run", "--data-root", benchmark_root, "--protocol", "default", "--json") == 0
    other = json.loads(capsys.readouterr().out)["modes"]["direct"]
    assert other["counts"]["parse_failures"] == {"no-answer": 36}


def test_limit_is_seeded_and_spread_over_videos(benchmark_root: Path, tmp_path: Path) -> None:
    samples = make_plan("synthetic@train", None, None, ("direct",), benchmark_root).samples
    chosen = spread(samples, 40, 0)
    assert len({s.video for s in chosen}) == 40
    assert len(spread(samples, 41, 0)) == 41
    assert {s.id for s in chosen} < {s.id for s in spread(samples, 60, 0)}
    assert chosen != spread(samples, 40, 1)
    assert spread(samples, 1000, 0) == list(samples)
    arguments = ["run", "--model", "oracle", "--tasks", "synthetic", "--data-root", benchmark_root, "--limit", 5]
    assert harness(*arguments, "--output", tmp_path / "run") == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["spec"]["limit"] == 5
    assert json.loads(scores(tmp_path / "run"))["limit"] == 5


def test_a_full_disk_stops_with_a_message_and_the_run_goes_on_later(benchmark_root: Path, tmp_path: Path) -> None:
    # A file-size limit makes real writes fall short, as a full disk does.
    arguments = ["run", "--model", "random", "--tasks", "synthetic@train", "--data-root", str(benchmark_root)]
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (16384, -1));"
        "from harness.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", limited, *arguments, "--output", str(tmp_path / "run")]
    stopped = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (stopped.returncode, "Traceback" in stopped.stderr) == (2, False)
    assert "again to continue" in stopped.stderr
    assert 0 < len(lines(tmp_path / "run")) < 120
    assert harness(*arguments, "--output", tmp_path / "run") == 0
    assert harness(*arguments, "--output", tmp_path / "whole") == 0
    assert scores(tmp_path / "run") == scores(tmp_path / "whole")


def test_a_protocol_with_one_mode_is_asked_in_it(benchmark_root: Path) -> None:
    assert make_plan("synthetic", None, None, (), benchmark_root).modes == ("direct",)
    assert make_plan("synthetic", None, "timezero", (), benchmark_root).modes == ("cot",)


def test_a_replaced_video_is_refused(benchmark_root: Path, tmp_path: Path) -> None:
    """Not a changed byte of a video that has a reply passes; one that only failed may be replaced, or be gone."""
    model, folder = Scripted(), tmp_path / "run"
    run(plan_with_videos(benchmark_root, 4), folder, lambda: model, fake_decoder)
    assert {line["file"].partition("-")[0] for line in lines(folder) if "file" in line} == {"0"}
    before = (folder / "samples.jsonl").read_bytes()
    videos = benchmark_root / "synthetic" / "videos"
    for name in ("test_0002.mp4", "test_0003.mp4"):  # decode-timeout and out-of-memory
        (videos / name).write_bytes(b"another")
    plan = plan_with_videos(benchmark_root, 6)
    (videos / "test_0001.mp4").write_bytes(b"x")
    with pytest.raises(InputError) as refused:
        run(plan, folder, lambda: pytest.fail("loaded"), fake_decoder)
    expected, found, step = str(refused.value).splitlines()
    assert "test_0001.mp4" in expected and " 0 bytes" in expected and " 1 bytes" in found and "put the first file back" in step
    assert (folder / "samples.jsonl").read_bytes() == before
    (videos / "test_0001.mp4").unlink()
    model.asked.clear()
    run(make_plan("synthetic", None, None, ("direct",), benchmark_root), folder, lambda: model, fake_decoder)
    assert len(model.asked) == 3  # 3 again, and the new 4 and 5


def test_a_video_replaced_while_a_run_is_at_work(benchmark_root: Path, tmp_path: Path) -> None:
    """Cuts of one file are decoded one after the other, and a run takes hours."""
    rows = [{"video": "a.mp4", "duration": 4, "query": "q", "spans": [[0, 1]], "clip": [n, n + 4]} for n in range(3)]
    own, video = tmp_path / "my.jsonl", tmp_path / "a.mp4"
    own.write_text("".join(json.dumps(row) + "\n" for row in rows))
    video.touch()
    model = Scripted()

    @contextmanager
    def decoder(_: object) -> Any:
        def frames(jobs: Any) -> Any:
            for number, job in enumerate(jobs):
                if number == 2:
                    video.write_bytes(b"another")
                yield job, FRAMES

        yield Decoder(frames, lambda: 0.0)

    with pytest.raises(InputError, match=r"a\.mp4"):
        run(make_plan(str(own), None, None, (), benchmark_root), tmp_path / "run", lambda: model, decoder)
    assert len(lines(tmp_path / "run")) == 2


def test_runs_that_share_videos_decode_each_once(benchmark_root: Path, tmp_path: Path) -> None:
    """Two plans on the same videos: one pass over them, a folder each, the scores of runs that were made alone."""
    plan, decoded = plan_with_videos(benchmark_root, 10), []
    other = make_plan("synthetic", None, "default", ("direct", "cot"), benchmark_root)

    @contextmanager
    def counting(model: Any) -> Iterator[Decoder]:
        with fake_decoder(model) as decoder:
            yield Decoder(lambda jobs: decoder.frames(decoded.append(job.key) or job for job in jobs), decoder.waited_s)

    parts = [Part(plan, tmp_path / "a"), Part(other, tmp_path / "b")]
    together = run_together(parts, Scripted, counting)
    assert len(decoded) == len(set(decoded)) == 10
    alone = [run(part.plan, tmp_path / f"alone-{part.folder.name}", Scripted, fake_decoder) for part in parts]
    assert [one.scores for one in together] == [one.scores for one in alone]
    assert [len(lines(part.folder)) for part in parts] == [36, 72]
    # What failed in one folder alone is asked again there alone.
    decoded.clear()
    text = (tmp_path / "b" / "samples.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "b" / "samples.jsonl").write_text("".join(text[:-6]))
    run_together(parts, Scripted, counting)
    assert len(decoded) <= 4
    assert [one.scores for one in run_together(parts, Scripted, counting)] == [one.scores for one in alone]
