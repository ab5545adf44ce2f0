"""Parts of the synthetic splits: looks that are never asked for in training, asked for in the test."""

from collections import Counter
from pathlib import Path

import pytest

from harness.synthetic.make import annotate
from harness.synthetic.scene import COLOURS, SHAPES
from tasks.benchmarks.synthetic import HELD_OUT, TASK
from tasks.errors import InputError
from tasks.overlap import overlaps
from tasks.task import load


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    (root / "synthetic").mkdir()
    annotate(root / "synthetic")
    return root


def test_every_colour_and_shape_is_still_asked_for() -> None:
    """Each colour is held out with one shape, so that what is new in the test is the pair and no word."""
    colours, shapes = zip(*(look.split() for look in HELD_OUT), strict=True)
    assert sorted(colours) == sorted(COLOURS) and set(shapes) == set(SHAPES)


@pytest.mark.parametrize("split", ["train", "dev", "test", "fit", "fewshot-50-seed3"])
def test_two_parts_make_a_split(split: str, root: Path) -> None:
    whole = load(TASK, split, root)
    seen, unseen = (load(TASK, f"{split}-{part}", root) for part in ("seen", "unseen"))
    assert {s.id for s in seen} | {s.id for s in unseen} == {s.id for s in whole} and len(seen) + len(unseen) == len(whole)
    assert not {s.query for s in seen} & set(HELD_OUT) and {s.query for s in unseen} <= set(HELD_OUT)
    assert [s for s in whole if s in seen] == seen


def test_a_quarter_of_the_test_is_held_out(root: Path) -> None:
    counts = Counter(s.query in HELD_OUT for s in load(TASK, "test", root))
    assert counts[True] / counts.total() == pytest.approx(6 / 24, abs=0.05)


def test_parts_count_as_what_they_are_part_of(root: Path) -> None:
    names = ("train", "train-seen", "test-unseen", "fewshot-50-seed0-seen")
    splits = {f"synthetic@{name}": load(TASK, name, root) for name in names}
    assert overlaps(splits) == []
    renamed = {"synthetic@train-seen": splits["synthetic@train-seen"], "other@val": splits["synthetic@train"]}
    assert [(o.train, o.test) for o in overlaps(renamed)] == [("synthetic@train-seen", "other@val")]


def test_what_is_trained_on_counts_whatever_it_is_called(root: Path) -> None:
    samples = load(TASK, "test", root)
    assert overlaps({"mine.jsonl@all": samples, "synthetic@test": samples}) == []
    (found,) = overlaps({"mine.jsonl@all": samples, "synthetic@test": samples}, ["mine.jsonl@all"])
    assert (found.train, found.test) == ("mine.jsonl@all", "synthetic@test")


@pytest.mark.parametrize("split", ["seen", "-seen", "test-sene", "tset-seen", "test-seen-seen"])
def test_unknown_parts(split: str, root: Path) -> None:
    with pytest.raises(InputError, match="a split of synthetic"):
        load(TASK, split, root)
