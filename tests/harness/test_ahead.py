"""Models that work on a window of videos: answers in any order, nothing lost by a kill, one broken video costs itself."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import harness
from harness.asking import Decoder, Part
from harness.effort import Effort
from harness.frames import Frames
from harness.models.base import AnswerError, Answers, Asked, Reply, stream
from harness.plan import Plan, make_plan
from harness.run import run, run_together
from harness.video.pool import AHEAD_BYTES, ahead
from tasks import protocol
from tasks.errors import Failure, InputError
from tasks.question import Question

WINDOW = 32
FRAMES = Frames(np.zeros((2, 28, 28, 3), np.uint8), np.array([0.0, 1.0]), 1.0, 0.0, "fake")

DRIVER = """
import random, sys, time
from pathlib import Path
from harness.models import trivial
from harness.models.base import Asked
from harness.plan import make_plan
from harness.run import run

plan = make_plan("synthetic@train", None, None, ["direct", "cot"], Path(sys.argv[1]))
model = trivial.trivial("random", plan.protocol, lambda: (), 0)

class Ahead(trivial.TrivialModel):
    def stream(self, videos):
        draw, held, videos = random.Random(), {}, enumerate(videos)
        with open(sys.argv[3], "a", buffering=1) as told:
            while True:
                while len(held) < 32 and (taken := next(videos, None)) is not None:
                    held[taken[0]] = taken[1].questions
                    told.write(" ".join(f"{q.sample.id}/{q.mode}" for q in taken[1].questions) + "\\n")
                if not held:
                    return
                place = draw.choice(list(held))
                time.sleep(0.01)
                yield place, self.answer(None, held.pop(place))

ahead = Ahead(model.name, model.answer_of, model.protocol, model.note)
run(plan, Path(sys.argv[2]), lambda: ahead, None)
"""


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def replies(folder: Path) -> dict[tuple[str, str], Any]:
    return {(line["id"], line["mode"]): line["text"] or line["error"] for line in lines(folder)}


def test_killed_with_32_videos_ahead_nothing_is_lost_and_no_reply_is_asked_again(benchmark_root: Path, tmp_path: Path) -> None:
    def start(name: str, session: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", DRIVER, str(benchmark_root), str(tmp_path / name), str(tmp_path / f"{name}-{session}")]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def asked(session: int) -> list[str]:
        path = tmp_path / f"killed-{session}"
        return path.read_text().split() if path.exists() else []

    def recorded() -> set[str]:
        text = (tmp_path / "killed" / "samples.jsonl").read_bytes()
        whole = text[: text.rfind(b"\n") + 1].decode().splitlines()  # a kill may cut a line short
        return {f"{line['id']}/{line['mode']}" for line in map(json.loads, whole)}

    assert start("whole", 0).wait() == 0
    total, draw, known, killed = len(lines(tmp_path / "whole")), random.Random(7), set[str](), 0
    for session, target in enumerate(sorted(draw.sample(range(1, total - 1), 6))):
        process = start("killed", session)
        path = tmp_path / "killed" / "samples.jsonl"
        while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < target):
            time.sleep(0.001)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        assert not known & set(asked(session))
        before, known = known, recorded()
        assert before <= known <= before | set(asked(session))
        # Two modes a query, one query a video.
        assert len(set(asked(session)) - known) <= WINDOW * max(len(line.split()) for line in _log(tmp_path, session))
    assert killed >= 5
    assert start("killed", 99).wait() == 0
    assert not known & set(asked(99))
    assert (tmp_path / "killed" / "scores.json").read_bytes() == (tmp_path / "whole" / "scores.json").read_bytes()
    assert len(lines(tmp_path / "killed")) == len(replies(tmp_path / "killed")) == total


def _log(tmp_path: Path, session: int) -> list[str]:
    path = tmp_path / f"killed-{session}"
    return path.read_text().splitlines() if path.exists() else [""]


class Whole:
    """Answers video by video; one video is too big for it."""

    name, needs_video, pixel_factor = "scripted", True, 28

    def __init__(self) -> None:
        self.taken: list[str] = []

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> Sequence[Reply | Failure]:
        assert frames is not None
        self.taken.append(questions[0].sample.video)
        if questions[0].sample.video.endswith("3"):
            raise AnswerError(Failure("out-of-memory", "too big, sk-12345678"))
        return [Reply(f"{len(q.sample.query)} to 40, sk-12345678", "0" * 64, 10, 3) for q in questions]


class Ahead(Whole):
    """The same with a window, in an order that a seed decides."""

    def __init__(self, window: int = WINDOW, seed: int = 0) -> None:
        super().__init__()
        self.window, self.draw, self.most = window, random.Random(seed), 0

    def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, Answers]]:
        held: dict[int, Asked] = {}
        numbered = enumerate(videos)
        while True:
            while len(held) < self.window and (taken := next(numbered, None)) is not None:
                held[taken[0]] = taken[1]
            self.most = max(self.most, len(held))
            if not held:
                return
            place = self.draw.choice(list(held))
            ((_, answers),) = stream(_Only(self), iter([held.pop(place)]))
            yield place, answers

    def told(self) -> dict[str, Any]:
        return {"most": self.most}


class _Only:
    """A model without its window."""

    def __init__(self, model: Whole) -> None:
        self.name, self.needs_video, self.pixel_factor = model.name, model.needs_video, model.pixel_factor
        self.describe, self.answer = model.describe, model.answer


@contextmanager
def fake_decoder(_: object) -> Iterator[Decoder]:
    """Every video whose name ends in 2 is broken."""

    def frames(jobs: Any) -> Any:
        for job in jobs:
            yield job, Failure("decode-timeout", "slow") if job.key.endswith("2") else FRAMES

    yield Decoder(frames, lambda: 0.0)


def plan_with_videos(root: Path, count: int, name: str | None = None, modes: Sequence[str] = ("direct",)) -> Plan:
    videos = root / "synthetic" / "videos"
    videos.mkdir(exist_ok=True)
    for i in range(count):
        (videos / f"test_{i:04d}.mp4").touch()
    return make_plan("synthetic", None, name, modes, root)


@pytest.mark.parametrize(("window", "seed"), [(1, 0), (3, 1), (WINDOW, 2)])
def test_records_are_those_of_one_by_one_whatever_the_order(window: int, seed: int, benchmark_root: Path, tmp_path: Path) -> None:
    """Broken videos, one that memory does not hold, missing files, and two plans that share their videos."""
    plans = [plan_with_videos(benchmark_root, 10), plan_with_videos(benchmark_root, 10, "default", ("direct", "cot"))]
    models = {"one": Whole(), "ahead": Ahead(window, seed)}
    for name, model in models.items():
        parts = [Part(plan, tmp_path / name / str(place)) for place, plan in enumerate(plans)]
        run_together(parts, lambda model=model: model, fake_decoder, secrets=("sk-12345678",))  # type: ignore[misc]
    for place, count in enumerate((36, 72)):
        one, ahead = (tmp_path / name / str(place) for name in models)
        assert replies(one) == replies(ahead) and len(lines(ahead)) == count
        assert (one / "scores.json").read_bytes() == (ahead / "scores.json").read_bytes()
        assert "sk-12345678" not in (ahead / "samples.jsonl").read_text()
        files = [{(line["id"], line["mode"]): (line.get("file"), line["frames"]) for line in lines(f)} for f in (one, ahead)]
        assert files[0] == files[1]
    # What cannot be decoded is not handed over, the rest once.
    assert sorted(models["ahead"].taken) == sorted(models["one"].taken)
    assert len(models["ahead"].taken) == 9 and not any(video.endswith("2") for video in models["ahead"].taken)
    (session,) = json.loads((tmp_path / "ahead" / "0" / "run.json").read_text())["sessions"]
    schema = json.loads((Path(harness.__file__).parent / "schemas" / "run.schema.json").read_text())
    Draft202012Validator({"$defs": schema["$defs"], **schema["$defs"]["session"]}).validate(session)
    assert session["model_rank_0"] == {"most": min(window, 9)}
    assert "model_rank_0" not in json.loads((tmp_path / "one" / "0" / "run.json").read_text())["sessions"][0]


def test_videos_are_decoded_as_they_are_taken(benchmark_root: Path, tmp_path: Path) -> None:
    model, given = Ahead(4), list[int]()

    @contextmanager
    def counting(_: object) -> Iterator[Decoder]:
        def frames(jobs: Any) -> Any:
            for number, job in enumerate(jobs):
                written = len(lines(tmp_path)) if (tmp_path / "samples.jsonl").exists() else 0
                given.append(number - written // 3)
                yield job, FRAMES

        yield Decoder(frames, lambda: 0.0)

    run(plan_with_videos(benchmark_root, 12), tmp_path, lambda: model, counting)
    assert len(given) == 12 and max(given) < 4


def test_an_error_stops_the_run_with_all_on_disk_that_was_answered(benchmark_root: Path, tmp_path: Path) -> None:
    class Stops(Ahead):
        def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> Sequence[Reply | Failure]:
            if len(self.taken) == 5:
                raise InputError("a clock that is right", "a wrong one", "look")
            return super().answer(frames, questions)

    with pytest.raises(InputError, match="a wrong one"):
        run(plan_with_videos(benchmark_root, 12), tmp_path, Stops, fake_decoder)
    answered = {line["id"] for line in lines(tmp_path) if line["error"] is None}
    assert len([line for line in lines(tmp_path) if line["error"] != {"type": "decode-timeout", "message": "slow"}]) == 15
    model, plan = Ahead(), plan_with_videos(benchmark_root, 12)
    run(plan, tmp_path, lambda: model, fake_decoder)
    assert not {sample.video for sample in plan.samples if sample.id in answered} & set(model.taken)
    assert len(replies(tmp_path)) == 36


def test_a_model_that_keeps_a_video_to_itself_is_a_bug(benchmark_root: Path, tmp_path: Path) -> None:
    class Forgets(Ahead):
        def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, Answers]]:
            yield from (pair for pair in super().stream(videos) if pair[0] != 1)

    with pytest.raises(RuntimeError, match="left 1 of the videos"):
        run(plan_with_videos(benchmark_root, 12), tmp_path, Forgets, fake_decoder)


def test_no_more_is_decoded_ahead_than_memory_should_hold() -> None:
    rules = protocol.load("default").video
    assert ahead(rules, 1, WINDOW) == min(WINDOW, AHEAD_BYTES // (6 * rules.total_pixels)) >= 8
    assert ahead(replace(rules, total_pixels=2**40, max_frames=2**20), 4, WINDOW) == 8
    assert ahead(replace(rules, max_frames=4, max_pixels=784), 1, WINDOW) == WINDOW


def test_a_second_of_the_model_is_shared_by_what_it_has_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    waited = [0.0]
    effort = Effort(2, lambda: waited[0])

    def after(seconds: float, what: Any, *arguments: Any) -> Any:
        now[0] += seconds
        return what(*arguments)

    waited[0] = 2.0
    after(3.0, effort.reading, [0, 0])
    first = effort.hand_over(2)
    after(4.0, effort.asking)  # alone: 2 s for each of two questions
    after(1.0, effort.reading, [1, 1])
    second = effort.hand_over(2)
    after(8.0, effort.asking)  # together: 2 s for each of four
    assert effort.take_back([1, 1], second) == 2.0
    after(2.0, effort.asking)  # alone again: 1 s each
    assert effort.take_back([0, 0], first) == 5.0
    assert effort.timings == [{"seconds": 13.0, "decode_wait_s": 2.0}, {"seconds": 5.0, "decode_wait_s": 0.0}]
    assert sum(one["seconds"] for one in effort.timings) == now[0]
