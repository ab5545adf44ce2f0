"""Videos that a model could be both trained and tested on."""

from pathlib import Path

import pytest

from tasks import task as tasks
from tasks.overlap import overlaps
from tasks.sample import Sample, make_samples, one_query
from tasks.span import Span


def samples(task: str, *videos: str) -> list[Sample]:
    return make_samples(task, [one_query(video, 9.0, f"q{i}", (Span(0, 1),)) for i, video in enumerate(videos)])


def load(name: str, root: Path) -> list[Sample]:
    task, split = tasks.divide(name)
    return tasks.load(tasks.find(task), split or "", root)


@pytest.mark.shared_data
def test_charades_cd_trains_on_most_of_the_charades_test(shared_data: Path) -> None:
    splits = {name: load(name, shared_data) for name in ("charades-cd@train", "charades@test", "charades@train")}
    (found,) = overlaps(splits)
    assert (found.train, found.test) == ("charades-cd@train", "charades@test")
    assert (len(found.videos), found.of_videos, found.queries, found.of_queries) == (907, 1334, 2575, 3720)
    assert str(found).startswith("charades-cd@train holds 907 of the 1,334 videos of charades@test (2,575 of 3,720 queries)")


@pytest.mark.shared_data
def test_other_families(shared_data: Path) -> None:
    names = ("charades@train", "charades-cd@test_iid", "charades-cd@test_ood", "tacos@train", "tacos@val", "tvgbench@test")
    found = {(o.train, o.test): len(o.videos) for o in overlaps({name: load(name, shared_data) for name in names})}
    assert found == {("charades@train", "charades-cd@test_iid"): 259, ("charades@train", "charades-cd@test_ood"): 1156}
    tests = {name: load(name, shared_data) for name in ("charades-cd@train", "tvgbench@test")}
    assert [(o.train, o.test) for o in overlaps(tests)] == [("charades-cd@train", "tvgbench@test")]


def test_only_training_against_other_splits() -> None:
    assert overlaps({"a@train": samples("a", "x"), "b@train": samples("b", "x")}) == []
    assert overlaps({"a@test": samples("a", "x"), "b@test": samples("b", "x")}) == []
    assert overlaps({"a@train": samples("a", "x"), "a@test": samples("a", "y")}) == []
    assert overlaps({}) == []
    for split in ("train", "fit", "fewshot-50-seed0"):
        (found,) = overlaps({f"a@{split}": samples("a", "x", "x", "z"), "b@test": samples("b", "y", "x", "x")})
        assert (found.videos, found.of_videos, found.queries, found.of_queries) == (("x",), 2, 2, 3)


def test_suffixes_do_not_hide_a_video() -> None:
    (found,) = overlaps({"a@train": samples("a", "x.avi"), "b@test": samples("b", "x", "y.v1")})
    assert found.videos == ("x",)
