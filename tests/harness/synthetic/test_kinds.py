"""The embedded benchmark of every kind: the same bytes each time, true answers, and little to gain without a look."""

import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.plan import make_plan
from harness.report import floors
from harness.scoring import judge_answers
from harness.synthetic import kinds
from harness.synthetic.make import sha256
from harness.synthetic.scene import COLOURS, Event, Scene
from harness.video.decode import read_frames
from tasks import task
from tasks.answer import Answer
from tasks.protocol import VideoRules
from tasks.sample import Sample
from tasks.span import Span

SIZES = {"train": 2, "dev": 2, "test": 4}
KNOWN = "d0496772dfd19bbc20a67a46"
RULES = VideoRules("pyav", 2.0, 4, 768, 64 * 64, 64 * 64, 2**24)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of the whole benchmark, without videos."""
    root = tmp_path_factory.mktemp("kinds")
    (root / kinds.FOLDER).mkdir()
    kinds.annotate(root / kinds.FOLDER)
    return root


def samples(root: Path, kind: str, split: str = "test") -> list[Sample]:
    return task.load(task.find(f"synthetic-{kind}"), split, root)


def scenes(count: int = 64) -> list[tuple[int, Scene, dict[str, kinds.Row]]]:
    """How often a look is seen in each scene, the scene, and what is asked about it."""
    made = []
    for index in range(count):
        rng = np.random.default_rng([7, index])
        scene = kinds.plan(rng, 1 + index % 3)
        made.append((1 + index % 3, scene, kinds.ask("v", scene, "ABCD"[index % 4], rng)))
    return made


def times(events: list[Event]) -> list[list[int]]:
    return [[event.start_s, event.end_s] for event in events]


def test_the_annotations_are_the_same_bytes_everywhere(root: Path, tmp_path: Path) -> None:
    kinds.annotate(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [sha256(tmp_path / name) for name in names] == [sha256(root / kinds.FOLDER / name) for name in names]
    assert sha256(root / kinds.FOLDER / "manifest.json").startswith(KNOWN)


def test_scenes_are_as_designed() -> None:
    for seen, scene, _ in scenes():
        events = list(scene.events)
        assert scene.duration_s in (16, 20, 24)
        assert len(events) == 4 if seen > 1 else len(events) in (3, 4)
        assert sorted(Counter(event.sentence for event in events).values()) == [*[1] * (len(events) - seen), seen]
        assert all(2 <= event.end_s - event.start_s <= 5 for event in events)
        edges = [0, *(time for event in events for time in (event.start_s - 1, event.end_s)), scene.duration_s]
        assert edges[1] >= -1 and edges[1:] == sorted(edges[1:])
        assert {event.radius for event in events} == {kinds.SMALL, kinds.LARGE}


def test_questions_tell_the_truth_about_the_scene() -> None:
    for _, scene, asked in scenes():
        events = list(scene.events)
        seen = {event.sentence: times([e for e in events if e.sentence == event.sentence]) for event in events}
        assert asked["moment"]["spans"] == seen[asked["moment"]["query"]]
        assert len(asked["moment"]["spans"]) == 1
        assert [seen[look] for look in asked["pairs"]["queries"]] == [[span] for span in asked["pairs"]["spans"]]
        assert sorted(asked["pairs"]["queries"]) == sorted(look for look, spans in seen.items() if len(spans) == 1)
        assert asked["instances"]["spans"] == seen[asked["instances"]["query"]]
        (span,), choice = asked["choice"]["spans"], asked["choice"]
        (shown,) = [event for event in events if [event.start_s, event.end_s] == span]
        assert choice["options"]["ABCD".index(choice["answer"])] == shown.colour
        assert [event.shape for event in events].count(shown.shape) == 1 and shown.shape in choice["query"]
        assert len(set(choice["options"])) == 4 and {event.colour for event in events} <= set(choice["options"])
        assert asked["union"]["spans"] == times([event for event in events if event.radius == kinds.LARGE])
        for clip, liked in enumerate(asked["union"]["scores"]):
            middle = [event.radius for event in events if event.start_s <= 2 * clip + 1 < event.end_s]
            assert liked == {(): 0, (14,): 2, (28,): 4}[tuple(middle)]


def test_splits_have_every_letter_and_every_count_as_often_as_planned(root: Path) -> None:
    for split, size in kinds.SIZES.items():
        letters = Counter(sample.truth.option for sample in samples(root, "choice", split))
        assert set(letters) == set("ABCD") and max(letters.values()) <= -(-size // 4)
        # Where a look repeats, two sentences are asked together, or one.
        repeats = Counter(len(sample.queries) for sample in samples(root, "pairs", split))
        assert abs(repeats[1] + repeats[2] - size / 2) <= 2
        assert set(repeats) == {1, 2, 3, 4}
        found = Counter(len(sample.truth.spans) for sample in samples(root, "instances", split))
        assert set(found) == {1, 2, 3} and found[1] < 0.8 * size


@pytest.mark.parametrize(
    ("name", "most"), [("moment", 25.0), ("pairs", 25.0), ("choice", 5.0), ("instances", 40.0), ("union", 36.0)]
)
def test_little_is_gained_without_a_look(root: Path, name: str, most: float) -> None:
    plan = make_plan(f"synthetic-{name}", "test", None, None, root)
    found = {row: entry for row, kind, entry in floors(plan) if kind == "trivial"}
    entries = {row: entry["aggregate"] for row, entry in found.items()}
    assert plan.protocol.kind == name and {"whole-video", "middle-half", "train-prior"} <= set(entries)
    assert 0 <= max(values[found[row]["main"]] for row, values in entries.items()) < most
    if name == "pairs":
        # A place tells nothing: whoever knows the best span of each is no better off than with one span for all.
        shares = [1 / len(sample.queries) for sample in plan.samples for _ in sample.queries]
        assert entries["place-prior"]["mIoU"] < 100 * float(np.mean(shares))
        assert abs(entries["place-prior"]["mIoU"] - entries["train-prior"]["mIoU"]) < 2
    if name == "choice":
        assert {values["Acc"] for values in entries.values()} == {25.0}


def by_time(sample: Sample) -> Answer:
    """What sees every event that is asked for, but not which sentence asks for it."""
    return Answer(tuple(sorted(sample.truth.spans)))


def test_who_sees_everything_but_reads_no_sentence_gets_one_in_n(root: Path) -> None:
    plan = make_plan("synthetic-pairs", "train", None, None, root)
    found = judge_answers(plan.samples, [by_time(sample) for sample in plan.samples], plan.protocol).means()
    expected = len(plan.samples) / sum(len(sample.queries) for sample in plan.samples)
    assert found["mIoU"] == pytest.approx(100 * expected, abs=6)
    # Of a video's moments that could be asked for, one is.
    once = {sample.video: sample.truth.spans for sample in plan.samples}
    moment = make_plan("synthetic-moment", "train", None, None, root)
    for guess in (min, max):
        answers = [Answer((guess(once[sample.video]),)) for sample in moment.samples]
        assert judge_answers(moment.samples, answers, moment.protocol).means()["mIoU"] < 55


def test_who_sees_every_colour_but_not_the_shape_asked_for_guesses(root: Path) -> None:
    colours = {sample.video: {query.split()[0] for query in sample.queries} for sample in samples(root, "pairs", "train")}
    right = []
    for sample in samples(root, "choice", "train"):
        candidates = [option for option in sample.options if option in colours[sample.video]]
        right.append(candidates[0] == sample.options["ABCD".index(sample.truth.option or "")])
    assert 0.3 < np.mean(right) < 0.6


def test_clips_are_liked_where_the_region_is(root: Path) -> None:
    for sample in samples(root, "union"):
        liked = [clip for clip, (score,) in enumerate(sample.truth.clips or ()) if score == 4]
        assert len(sample.truth.clips or ()) == sample.duration_s / 2
        assert all(any(span.start_s <= 2 * clip + 1 < span.end_s for span in sample.truth.spans) for clip in liked)


def test_five_tasks_share_the_videos(root: Path) -> None:
    for split, size in kinds.SIZES.items():
        found = {tuple(sample.video for sample in samples(root, kind, split)) for kind in kinds.KINDS}
        assert [len(set(videos)) for videos in found] == [size]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rendered")
    kinds.make(root, sizes=SIZES)
    return root


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): sha256(path) for path in root.rglob("*") if path.is_file()}


def test_same_seed_same_bytes_other_seed_others(rendered: Path, tmp_path: Path) -> None:
    kinds.make(tmp_path, sizes=SIZES)
    assert contents(tmp_path) == contents(rendered)
    # Who renders it need not be who reads it.
    assert stat.S_IMODE((tmp_path / kinds.FOLDER).stat().st_mode) == stat.S_IMODE(
        (tmp_path / kinds.FOLDER / "videos").stat().st_mode
    )
    kinds.make(tmp_path, seed=1, sizes=SIZES)
    assert contents(tmp_path).keys() == contents(rendered).keys()
    assert contents(tmp_path) != contents(rendered)
    assert [path.name for path in tmp_path.iterdir()] == [kinds.FOLDER]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{}")])
def test_repeating_does_nothing_and_damage_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    kinds.make(tmp_path, sizes={"test": 2})
    before = contents(tmp_path)
    damage(tmp_path / kinds.FOLDER / "manifest.json")
    (tmp_path / kinds.FOLDER / "videos" / "test-0001.mp4").unlink()
    kinds.make(tmp_path, sizes={"test": 2})
    assert contents(tmp_path) == before
    monkeypatch.setattr(kinds, "encode", lambda *_: pytest.fail("rendered again"))
    kinds.make(tmp_path, sizes={"test": 2})


def test_an_interrupted_run_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    kinds.make(tmp_path, sizes={"test": 1})
    before = contents(tmp_path)
    monkeypatch.setattr(kinds, "encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        kinds.make(tmp_path, seed=1, sizes={"test": 1})
    assert contents(tmp_path) == before


def test_decoded_videos_show_what_is_asked_for(rendered: Path) -> None:
    for kind in ("moment", "pairs", "instances"):
        for sample in samples(rendered, kind):
            frames = read_frames(rendered / kinds.FOLDER / "videos" / f"{sample.video}.mp4", RULES, 32)
            assert frames.pixels.shape == (sample.duration_s * 2, 64, 64, 3)
            looks = sample.queries if kind == "pairs" else sample.queries * len(sample.truth.spans)
            for span, look in zip(sample.truth.spans, looks, strict=True):
                near = np.abs(frames.pixels.astype(int) - np.array(COLOURS[look.split()[0]])).max(axis=-1) < 60
                inside = (frames.time_s >= float(span.start_s)) & (frames.time_s < float(span.end_s))
                assert (near.sum(axis=(1, 2))[inside] > 60).all(), (sample.video, look)


def test_large_shapes_are_large(rendered: Path) -> None:
    for sample in samples(rendered, "union"):
        frames = read_frames(rendered / kinds.FOLDER / "videos" / f"{sample.video}.mp4", RULES, 32)
        background = np.median(frames.pixels, axis=(0, 1, 2))
        width = (np.abs(frames.pixels - background).max(axis=-1) > 60).any(axis=1).sum(axis=1)
        shown = [Span(float(i), float(i + 1)) for i, w in enumerate(width.reshape(-1, 2).min(axis=1)) if w > 40]
        seconds = {int(float(span.start_s)) for span in shown}
        assert seconds == {s for span in sample.truth.spans for s in range(int(span.start_s), int(span.end_s))}


def test_every_task_is_checked_and_asked_of_what_was_made(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ",".join(f"synthetic-{kind}" for kind in kinds.KINDS)
    assert main(["data", "check", "--task", names, "--data-root", str(rendered)]) == 0
    said = capsys.readouterr().out
    for kind in kinds.KINDS:
        assert f"synthetic-{kind}@test: annotations as published, 4 videos, 4 queries" in said
        assert f"synthetic-{kind}@test: coverage 4 of 4 videos (100.0 %), 4 of 4 queries (100.0 %)" in said
    options = ["--data-root", str(rendered), "--output", str(tmp_path / "run")]
    assert main(["run", "--model", "oracle", "--tasks", names, *options]) == 0


def test_the_command_makes_what_its_help_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    monkeypatch.setattr(kinds, "make", lambda *given: asked.append(given))
    assert main(["data", "make", "--kinds", "all", "--seed", "3", "--data-root", str(tmp_path)]) == 0
    assert asked == [(tmp_path, 3)]
    assert capsys.readouterr().out == f"{tmp_path / 'synthetic-kinds'}\n"
    assert main(["data", "make", "clock", "--kinds", "all", "--data-root", str(tmp_path)]) == 2
    assert "--kinds" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["data", "make", "--help"])
    assert "--kinds {moment,all}" in capsys.readouterr().out


def test_without_its_files_the_next_command_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "--task", "synthetic-choice", "--data-root", str(tmp_path)]) == 2
    assert "harness data make --kinds all" in capsys.readouterr().err
