"""`harness data check`: what is there, what does not fit, and the ids two sites can both score."""

import json
import random
import shutil
from pathlib import Path

import pytest

from harness.asking import open_jobs
from harness.cli import main
from harness.data.check import askable, differences
from harness.environment import launch
from harness.plan import make_plan
from harness.synthetic.make import make
from tasks.errors import Failure


def harness(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic benchmark with its videos: made once, not to be changed."""
    root = tmp_path_factory.mktemp("made")
    make(root, 0, {"train": 2, "dev": 1, "test": 4})
    return root


@pytest.fixture
def root(videos: Path, tmp_path: Path) -> Path:
    shutil.copytree(videos, tmp_path / "data")
    return tmp_path / "data"


def files(root: Path) -> list[Path]:
    test = json.loads((root / "synthetic" / "test.json").read_text())
    return [root / "synthetic" / "videos" / f"{video}.mp4" for video in test]


def test_everything_is_there(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = harness(capsys, "data", "check", "synthetic", "--data-root", root, "--ids-out", tmp_path / "ids")
    assert code == 0
    assert shown.splitlines()[:3] == [
        "synthetic@test: annotations as published, 4 videos, 12 queries",
        "synthetic@test: all videos are there",
        "synthetic@test: coverage 4 of 4 videos (100.0 %), 12 of 12 queries (100.0 %)",
    ]
    ids = (tmp_path / "ids").read_text().split("\n")[:-1]
    samples = make_plan("synthetic", None, None, ("direct",), root).samples
    assert ids == sorted(s.id for s in samples) and len(ids) == 12
    assert "belong to none" not in shown


def test_missing_unreadable_and_extra_files(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, broken, whole, _ = files(root)
    missing.unlink()
    broken.write_bytes(b"no video")
    shutil.copy(whole, whole.with_name("stranger.mp4"))
    code, shown, message = harness(
        capsys, "data", "check", "--task", "synthetic", "--data-root", root, "--ids-out", tmp_path / "ids"
    )
    assert code == 2
    assert "1 unreadable" in message
    assert f"synthetic@test: {broken}: video-" in shown
    assert "1 of 4 videos are missing (3 queries, each scored 0)" in shown
    assert "synthetic@test: coverage 2 of 4 videos (50.0 %), 6 of 12 queries (50.0 %)" in shown
    assert f"1 video file belongs to none of these tasks: {whole.with_name('stranger.mp4')}" in shown
    ids = (tmp_path / "ids").read_text().splitlines()
    assert len(ids) == 6 and not any(missing.stem in i or broken.stem in i for i in ids)


def test_durations_that_do_not_fit(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    annotated = json.loads((root / "synthetic" / "test.json").read_text())
    video, entry = next(iter(annotated.items()))
    length = entry["duration"]
    rows = [
        {"duration": length + 0.9},
        {"duration": length + 1.2},
        {"duration": length - 1.2},
        {"duration": 3, "clip": [1, 4]},
        {"duration": 4, "clip": [length - 2, length + 2]},
        {"duration": 4, "clip": [length + 1, length + 5]},
    ]
    own = tmp_path / "my.jsonl"
    own.write_text("\n".join(json.dumps({"video": video, "query": f"q{i}", "spans": [[0, 1]], **r}) for i, r in enumerate(rows)))
    ids = tmp_path / "ids"
    folder = root / "synthetic" / "videos"
    code, shown, _ = harness(capsys, "data", "check", own, "--videos", folder, "--data-root", root, "--ids-out", ids)
    assert code == 0
    assert "my.jsonl@all: annotations unverified (no published hash or counts), 1 video, 6 queries" in shown
    for end in (length + 1.2, length - 1.2, length + 2, length + 5):
        assert f"{video}: annotated to {end:.2f} s, the file ends at {length:.2f} s" in shown
    assert "4 durations differ from their files by more than 1 s" in shown
    # A clip that begins after the end of the file cannot be asked.
    assert "coverage 1 of 1 videos (100.0 %), 5 of 6 queries (83.3 %)" in shown
    assert len(ids.read_text().splitlines()) == 5


@pytest.mark.shared_data
def test_the_real_video(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = harness(
        capsys, "data", "check", "charades,charades-cd@train", "--data-root", shared_data, "--ids-out", tmp_path / "ids"
    )
    assert code == 0
    assert "charades@test: coverage 1 of 1,334 videos (0.1 %), 6 of 3,720 queries (0.2 %)" in shown
    assert "charades-cd@train: coverage 1 of 4,564 videos" in shown
    assert "overlap: charades-cd@train holds 907 of the 1,334 videos of charades@test (2,575 of 3,720 queries)" in shown
    assert "differ" not in shown and "belong to none" not in shown
    assert {line.split("/")[1] for line in (tmp_path / "ids").read_text().splitlines()} == {"OHOFG"}


@pytest.mark.shared_data
def test_cuts_of_one_file_are_asked_apart(shared_data: Path) -> None:
    plan = make_plan("tvgbench", None, None, ("direct",), shared_data)
    jobs = open_jobs([plan], [{}], launch())
    assert len(jobs) == 540 == len({(job.key, job.clip) for job in jobs})
    assert all(question.sample.clip == job.clip for job in jobs for question in job.questions)
    lengths_s = dict.fromkeys(plan.videos.values(), 20.0)
    assert {d.video for d in differences(plan, lengths_s)} == {"OHOFG"}
    assert {s.video for s in askable(plan, lengths_s)} == {"OHOFG"}
    assert askable(plan, dict.fromkeys(plan.videos.values(), Failure("video-empty", ""))) == []


def test_own_data_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.jsonl").write_text('{"video": "a", "duration": 3, "query": "q", "spans": [[0, 1]]}\n{"video": 7}\n')
    for name in ([tmp_path / "my.jsonl"], ["--task", tmp_path / "my.jsonl"]):
        code, _, message = harness(capsys, "data", "check", *name)
        assert code == 2
        assert "line 2: no duration, query, spans" in message and "expected:" in message and "next:" in message
    assert harness(capsys, "data", "check")[0] == 2
    assert harness(capsys, "data", "check", "synthetic", "--data-root", tmp_path)[0] == 2


def write_ids(path: Path, ids: list[str]) -> Path:
    path.write_text("".join(f"{identifier}\n" for identifier in ids))
    return path


def test_two_sites_score_what_both_have(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = sorted(s.id for s in make_plan("synthetic", None, None, ("direct",), benchmark_root).samples)
    here, there = write_ids(tmp_path / "here", ids[:20]), write_ids(tmp_path / "there", ["other/x", *ids[10:]])
    both = write_ids(tmp_path / "both", ids[10:20])
    options = ["--data-root", benchmark_root]
    run = ["run", "--model", "middle-half", "--tasks", "synthetic", *options]
    assert harness(capsys, *run, "--ids", here, "--ids", there, "--output", tmp_path / "run")[0] == 0
    spec = json.loads((tmp_path / "run" / "run.json").read_text())["spec"]
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["modes"]["direct"]["aggregate"]["n"] == 10
    assert scores["ids_sha256"] == spec["ids_sha256"] and len(spec["ids_sha256"]) == 64
    # The run knows its own samples again; a whole run scored on the same ids gives the same numbers.
    code, shown, _ = harness(capsys, "score", tmp_path / "run", *options)
    assert code == 0 and f"synthetic@test+ids-{spec['ids_sha256'][:8]}" in shown and "10/10" in shown
    assert harness(capsys, *run, "--output", tmp_path / "whole")[0] == 0
    code, shown, _ = harness(capsys, "score", tmp_path / "whole", "--ids", both, "--json", *options)
    assert code == 0 and json.loads(shown)["modes"] == scores["modes"]


def test_ids_are_part_of_what_a_run_is(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [s.id for s in make_plan("synthetic", None, None, ("direct",), benchmark_root).samples]
    run = ["run", "--model", "oracle", "--tasks", "synthetic", "--data-root", benchmark_root, "--output", tmp_path / "run"]
    some = write_ids(tmp_path / "some", ids[:5])
    assert harness(capsys, *run, "--ids", some)[0] == harness(capsys, *run, "--ids", some)[0] == 0
    for other in ([], ["--ids", write_ids(tmp_path / "more", ids[:6])]):
        code, _, message = harness(capsys, *run, *other)
        assert code == 2 and "ids_sha256 was" in message
    for wrong, words in (
        (["--ids", write_ids(tmp_path / "none", ["x"])], "none of which is in the split"),
        (["--ids", tmp_path / "nowhere"], "a file of ids"),
        (["--ids", some, "--limit", "3"], "not both"),
    ):
        code, _, message = harness(capsys, *run[:-1], tmp_path / "other", *wrong)
        assert code == 2 and words in message


def test_moments_outside_their_video(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames, milliseconds and microseconds for seconds are named; a moment a little too long is only said."""
    video, entry = next(iter(json.loads((root / "synthetic" / "test.json").read_text()).items()))
    length = entry["duration"]
    row = {"video": video, "duration": length, "query": "q"}
    cases = (
        ([[length, length + 1]], f"starts 0.00 s after the end of the video ({length:.2f} s)", None),
        ([[90, 270]], f"starts {90 - length:.2f} s after", "frames"),
        ([[1000, 9000]], f"starts {1000 - length:,.2f} s after", "milliseconds"),
        ([[0, 2866667]], f"ends {2866667 - length:,.2f} s after", "microseconds"),
        ([[1, length + 1.5]], "ends 1.50 s after", None),
        ([[1, length + 0.9]], None, None),
    )
    own, folder = tmp_path / "my.jsonl", root / "synthetic" / "videos"
    for number, (spans, words, unit) in enumerate(cases):
        own.write_text(json.dumps({**row, "spans": spans}))
        videos = ["--videos", folder] if number == 0 else []  # a missing video is as long as its annotation says
        code, shown, _ = harness(capsys, "data", "check", own, *videos, "--data-root", tmp_path)
        assert code == 0
        assert (words is None and "the moment" not in shown) or f"the moment {words}" in shown
        assert (unit is None and "these look like" not in shown) or f"these look like {unit}" in shown
    own.write_text(json.dumps({**row, "duration": 4, "clip": [length - 4, length], "spans": [[3, 5], [6, 7]]}))
    shown = harness(capsys, "data", "check", own, "--videos", folder, "--data-root", tmp_path)[1]
    assert "[6.0, 7.0]: the moment starts 2.00 s after" in shown and "[3.0, 5.0]" not in shown


def test_pictures_that_do_not_decode_are_found(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headers and packets are whole; only who decodes can know."""
    first, last, *_ = files(root)
    for path, share in ((first, 0.0), (last, 0.6)):
        content = bytearray(path.read_bytes())
        start, size = (
            content.index(b"mdat") + 4,
            int.from_bytes(content[content.index(b"mdat") - 4 : content.index(b"mdat")], "big"),
        )
        start, end = start + int(share * (size - 8)), start + size - 8
        content[start:end] = random.Random(0).randbytes(end - start)
        path.write_bytes(content)
    code, shown, message = harness(capsys, "data", "check", "synthetic", "--data-root", root)
    assert code == 2 and "2 unreadable" in message
    assert f"{first}: video-truncated" in shown and f"{last}: video-truncated" in shown
    assert "the first and the last picture were decoded" in shown


def test_a_stray_file_is_listed_once(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root / "synthetic" / "videos", tmp_path / "vid")
    one, *_, stray = sorted(path.name for path in (tmp_path / "vid").iterdir())
    for name in {path.name for path in (tmp_path / "vid").iterdir()} - {one, stray}:
        (tmp_path / "vid" / name).unlink()
    shutil.copy(tmp_path / "vid" / one, (tmp_path / "vid" / one).with_suffix(".mkv"))
    row = {"video": one.removesuffix(".mp4"), "duration": 12, "query": "q", "spans": [[0, 1]]}
    (tmp_path / "vid" / "x.jsonl").write_text(json.dumps(row))
    monkeypatch.chdir(tmp_path)
    for folder in ("vid", tmp_path / "vid"):
        shown = harness(capsys, "data", "check", "vid/x.jsonl", "--videos", folder, "--data-root", tmp_path)[1]
        assert shown.count(stray) == 1 and "2 video files belong to none" not in shown
        assert f"x.jsonl@all: {row['video']}: {one} is taken, not {Path(one).stem}.mkv" in shown


def test_own_data_in_another_form_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"video": "a", "duration": 3, "query": "q", "spans": [[0, 1]]}
    (tmp_path / "my.JSONL").write_text(json.dumps(row))
    assert harness(capsys, "data", "check", tmp_path / "my.JSONL")[0] == 0
    for name in ("my.json", "my.jsonl.gz", "my.csv"):
        (tmp_path / name).write_text(json.dumps([row]))
        code, _, message = harness(capsys, "data", "check", tmp_path / name)
        assert code == 2 and "JSON Lines" in message and "ends in .jsonl" in message and name in message
