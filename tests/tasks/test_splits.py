"""Ids, hashes and derived splits: by content and by video, never by row order."""

import itertools
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tasks import task
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.sample import make_samples, one_query, split_sha256
from tasks.span import Span
from tasks.splits import derived

SIZES = (1, 7, 50, 100, 137, 500)
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
    videos = [{i.split("/")[1] for i in choose(f"fewshot-{k}-seed1")} for k in SIZES]
    assert [len(v) for v in videos] == list(SIZES)
    assert all(small < large for small, large in itertools.pairwise(videos))
    assert not videos[-1] & {i.split("/")[1] for i in choose("dev")}
    assert choose("fewshot-50-seed1") != choose("fewshot-50-seed2")
    assert choose("fewshot-50-seed1", order=1) == choose("fewshot-50-seed1", order=2)


def test_dev_and_fit_divide_train_by_video() -> None:
    dev, fit = choose("dev"), choose("fit")
    assert not dev & fit
    assert len(dev) + len(fit) == len(ROWS)
    assert 0.07 < len(dev) / len(ROWS) < 0.13


@pytest.mark.parametrize(
    "name",
    [
        "fewshot-0-seed0",
        "fewshot-050-seed0",
        "fewshot-50",
        "fewshot-50-seed01",
        "fewshot-50-seed-1",
        "fewshot-٥-seed0",
        "val",
        "",
    ],
)
def test_other_names_are_no_derived_split(name: str) -> None:
    assert derived("t", name) is None


def test_more_shots_than_there_are_videos_are_refused() -> None:
    left = len({i.split("/")[1] for i in choose("fit")})
    assert len({i.split("/")[1] for i in choose(f"fewshot-{left}-seed4")}) == left
    with pytest.raises(InputError, match=f"at most {left:,} videos.*fit\n.*fewshot-{left + 1}-seed4\n.*t@fewshot-{left}-seed4"):
        choose(f"fewshot-{left + 1}-seed4")


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "sha256"),
    {
        "charades@fewshot-50-seed0": "f768863485d43e6a7506fef156c9cb1c68a47383319787dba202b80474bf7f04",
        "charades@fewshot-500-seed7": "91bd195f1eed05b912e15830a43162dea02effe3b3111405a854e39e56504d49",
        "anet@fewshot-100-seed1": "c2368642c10c5de8c50702ef8e51fae2b09bf6410009fe3a1046ab9fde706405",
        "qvhighlights@fewshot-200-seed0": "82b88c79f9ae000c0965d24e39576f2a4a57fcfe9a9d04ecc8d4e61e98cf64cb",
        "charades@dev": "24a26b6378b39699e929bef1a2ef2a9ffda20db7cc746b5357da6636b56c2406",
        "charades@fit": "d7238cad23ba93a75706acb38cedd008c80e08af673320c8adeb23cb451f80ca",
    }.items(),
)
def test_draws_of_before_have_their_hashes(shared_data: Path, name: str, sha256: str) -> None:
    benchmark, split = task.divide(name)
    assert split_sha256(task.load(task.find(benchmark), str(split), shared_data)) == sha256
