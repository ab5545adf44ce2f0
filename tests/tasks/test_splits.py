"""Ids, hashes and derived splits: by content and by video, never by row order."""

import itertools
import random
from dataclasses import replace

import pytest

from tasks.answer import Answer
from tasks.sample import make_samples, one_query, split_sha256
from tasks.span import Span
from tasks.splits import FEWSHOT_SIZES, derived

ROWS = [one_query(f"v{i // 2:04d}", 30.0, f"query {i}", (Span(1.0, 5.0 + i % 7),)) for i in range(3000)]


def test_ids_and_hash_do_not_depend_on_row_order() -> None:
    rows = [*ROWS, ROWS[0], replace(ROWS[0], truth=Answer((Span(2, 5),))), ROWS[0]]
    shuffled = random.Random(3).sample(rows, len(rows))
    samples, others = make_samples("t", rows), make_samples("t", shuffled)
    assert len({s.id for s in samples}) == len(rows)
    assert {s.id for s in samples} == {s.id for s in others}
    assert split_sha256(samples) == split_sha256(others)


def test_hash_moves_with_everything_that_moves_a_number() -> None:
    base = split_sha256(make_samples("t", ROWS[:5]))
    changes = [{"duration_s": 31.0}, {"queries": ("other",)}, {"options": ("a", "b")}, {"truth": Answer((Span(0, 1),))}]
    changes += [{"clip": Span(0, 9)}, {"video": "w"}, {"truth": replace(ROWS[0].truth, clips=((1.0,),))}]
    for change in changes:
        assert split_sha256(make_samples("t", [replace(ROWS[0], **change), *ROWS[1:5]])) != base
    assert split_sha256(make_samples("t", ROWS[:4])) != base


def choose(name: str, order: int = 0) -> set[str]:
    rule = derived("t", name)
    assert rule is not None
    samples = make_samples("t", random.Random(order).sample(ROWS, len(ROWS)))
    return {s.id for s in rule(samples)}


def test_fewshot_counts_videos_is_nested_and_avoids_dev() -> None:
    videos = [{i.split("/")[1] for i in choose(f"fewshot-{k}-seed1")} for k in FEWSHOT_SIZES]
    assert [len(v) for v in videos] == list(FEWSHOT_SIZES)
    assert all(small < large for small, large in itertools.pairwise(videos))
    assert not videos[-1] & {i.split("/")[1] for i in choose("dev")}
    assert choose("fewshot-50-seed1") != choose("fewshot-50-seed2")
    assert choose("fewshot-50-seed1", order=1) == choose("fewshot-50-seed1", order=2)


def test_dev_and_fit_divide_train_by_video() -> None:
    dev, fit = choose("dev"), choose("fit")
    assert not dev & fit
    assert len(dev) + len(fit) == len(ROWS)
    assert 0.07 < len(dev) / len(ROWS) < 0.13


@pytest.mark.parametrize("name", ["fewshot-51-seed0", "fewshot-50", "fewshot-50-seed01", "fewshot-50-seed-1", "val", ""])
def test_other_names_are_no_derived_split(name: str) -> None:
    assert derived("t", name) is None
