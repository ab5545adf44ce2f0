"""QVHighlights: the released files, the official scores of the sample submission, and figures known for simple answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import task as tasks
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.formats.qvhighlights import match_submission, read_release, read_submission, report
from tasks.highlights import centre, flat, highlight_detection
from tasks.moments import Window, moment_retrieval, windows
from tasks.sample import Sample, make_samples
from tasks.span import Span

ROW: dict[str, Any] = {
    "qid": 7, "query": "A cat sleeps.", "vid": "abc_60.0_66.0", "duration": 6,
    "relevant_windows": [[2, 6]], "relevant_clip_ids": [1, 2], "saliency_scores": [[1, 2, 3], [4, 0, 2]],
}  # fmt: skip


@pytest.fixture(scope="module")
def val(shared_data: Path) -> list[Sample]:
    return tasks.load(tasks.find("qvhighlights"), "val", shared_data)


def load(name: str, split: str, root: Path) -> list[Sample]:
    return tasks.load(tasks.find(name), split, root)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "split", "videos", "queries"),
    [("qvhighlights", "train", 7100, 7218), ("qvh", "val", 1519, 1550), ("qvhighlights-mr", "test", 1529, 1542)],
)
def test_published_counts(shared_data: Path, name: str, split: str, videos: int, queries: int) -> None:
    samples = load(name, split, shared_data)
    counts = (len({s.video for s in samples}), len(samples), len({s.id for s in samples}), len({s.native_id for s in samples}))
    assert counts == (videos, queries, queries, queries)
    for sample in samples:
        assert sample.truth.clips is not None and len(sample.truth.clips) == int(sample.duration_s / 2)
        # The files are clean: clips with a score and clips in a window are the same.
        inside = [score > 0 for score in flat(sample.truth.spans, len(sample.truth.clips))]
        assert all(marked or not any(clip) for marked, clip in zip(inside, sample.truth.clips, strict=True))


@pytest.mark.shared_data
def test_derived_splits(shared_data: Path) -> None:
    train, dev, fit, few = (load("qvh", split, shared_data) for split in ("train", "dev", "fit", "fewshot-50-seed0"))
    assert len(dev) + len(fit) == len(train) and len({s.video for s in few}) == 50
    assert {s.id for s in few} < {s.id for s in fit}


@pytest.mark.shared_data
@pytest.mark.parametrize("comparison", ["exact", "float"])
def test_every_official_digit_of_the_sample_submission(shared_data: Path, val: list[Sample], comparison: str) -> None:
    with (shared_data / "qvhighlights" / "sample_val_preds.jsonl").open() as lines:
        predictions = match_submission(read_submission(lines), val)
    moments = moment_retrieval([windows(p) for p in predictions], [s.truth.spans for s in val], comparison)
    highlights = highlight_detection([[score for (score,) in p.clips or ()] for p in predictions], saliency(val))
    official = json.loads((shared_data / "qvhighlights" / "sample_val_preds_metrics.json").read_text())
    assert json.dumps(report(moments, highlights)) == json.dumps(official)


def saliency(samples: list[Sample]) -> list[tuple[tuple[float, ...], ...]]:
    return [sample.truth.clips or () for sample in samples]


def very_good(samples: list[Sample], predictions: Sequence[Sequence[float]]) -> tuple[float, float]:
    block = report(None, highlight_detection(predictions, saliency(samples)))["HL-min-VeryGood"]
    return block["HL-mAP"], block["HL-Hit1"]


def longest(sample: Sample) -> Span:
    return max(sample.truth.spans, key=lambda window: float(window.end_s) - float(window.start_s))


CLIP_RULES = {
    "zeros": (lambda s: [0.0] * len(s.truth.clips), (11.04, 14.97)),
    "mean of the annotators": (lambda s: [sum(clip) / 3 for clip in s.truth.clips], (60.81, 95.68)),
    "votes for VeryGood": (lambda s: [float(sum(x >= 4 for x in clip)) for clip in s.truth.clips], (62.49, 97.74)),
    "flat, every window": (lambda s: flat(s.truth.spans, len(s.truth.clips)), (37.66, 63.48)),
    "flat, longest window": (lambda s: flat([longest(s)], len(s.truth.clips)), (34.50, 65.03)),
    "centre, longest window": (lambda s: centre([longest(s)], len(s.truth.clips)), (43.05, 78.26)),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("rule", CLIP_RULES)
def test_known_figures_of_highlight_detection(val: list[Sample], rule: str) -> None:
    answer, expected = CLIP_RULES[rule]
    assert very_good(val, [answer(sample) for sample in val]) == expected


def hull(targets: Sequence[Span]) -> Window:
    return min(t.start_s for t in targets), max(t.end_s for t in targets), 1.0


WINDOW_RULES = {
    "one perfect window": (lambda i, t: [(*t[0], 1.0)], 78.86),
    "the hull of all windows": (lambda i, t: [hull(t)], 68.59),
    "all windows": (lambda i, t: [(*span, 1.0) for span in t], 99.76),
    # The original leaves unanswered queries out of the mean and gives 78.54.
    "every other query unanswered": (lambda i, t: [(*t[0], 1.0)] if i % 2 else [], 39.27),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("rule", WINDOW_RULES)
def test_known_figures_of_moment_retrieval(val: list[Sample], rule: str) -> None:
    answer, expected = WINDOW_RULES[rule]
    scores = moment_retrieval([answer(i, s.truth.spans) for i, s in enumerate(val)], [s.truth.spans for s in val])
    assert report(scores, None)["full"]["MR-mAP"]["average"] == expected


def test_a_row_as_released() -> None:
    (row,) = read_release(json.dumps(ROW) + "\n\n")
    assert (row.native_id, row.video, row.duration_s, row.truth.spans) == ("7", "abc_60.0_66.0", 6.0, (Span(2, 6),))
    assert row.truth.clips == ((0, 0, 0), (1, 2, 3), (4, 0, 2))
    # Line separators of other alphabets do not end a line of JSON.
    assert read_release(json.dumps(ROW | {"query": "a\u2028b"}, ensure_ascii=False))[0].query == "a\u2028b"


BAD_ROWS = [
    {"qid": None}, {"qid": True}, {"query": 3}, {"vid": None}, {"duration": "6"}, {"duration": 1e300}, {"duration": -2},
    {"duration": float("nan")}, {"duration": 10**400}, {"relevant_windows": []}, {"relevant_windows": [[1]]},
    {"relevant_windows": None}, {"relevant_windows": [[0, None]]}, {"relevant_clip_ids": [1]}, {"relevant_clip_ids": [1, 3]},
    {"relevant_clip_ids": [1, -1]}, {"relevant_clip_ids": [1, True]}, {"saliency_scores": [[1, 2, 3], [4, 4]]},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD_ROWS, ids=str)
def test_release_refuses_other_shapes(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_release(f"{json.dumps(ROW)}\n{json.dumps(ROW | change)}")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"qid": 7}', "nul"])
def test_release_refuses_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        read_release(text)


def submission(*rows: dict[str, Any]) -> list[tuple[str, Answer]]:
    return list(read_submission(json.dumps(row) for row in rows))


def test_a_submission_as_written() -> None:
    full = {"qid": 7, "pred_relevant_windows": [[5, 3, 0.1], [0, 2, 0.9]], "pred_saliency_scores": [0.5, -1]}
    assert submission(full) == [("7", Answer((Span(5, 3), Span(0, 2)), None, (0.1, 0.9), (), ((0.5,), (-1.0,))))]
    assert submission({"qid": "x", "pred_relevant_windows": [[0, 2]]}) == [("x", Answer((Span(0, 2),)))]
    assert submission({"qid": 7, "pred_saliency_scores": [0]})[0][1] == Answer(clips=((0.0,),))
    assert submission({"qid": 7, "pred_relevant_windows": []})[0][1] == Answer(failure="no-span")


@pytest.mark.parametrize(
    "change",
    [{"qid": 1.5}, {"pred_relevant_windows": [[1, 2], [1, 2, 3]]}, {"pred_relevant_windows": {}}, {"pred_saliency_scores": 3},
     {"pred_relevant_windows": [1]}, {"pred_saliency_scores": [None]}, {"pred_saliency_scores": [float("inf")]}],
    ids=str,
)  # fmt: skip
def test_submission_refuses_other_shapes(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="line 1"):
        submission({"qid": 7, "pred_relevant_windows": [[0, 2, 1]]} | change)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3))  # fmt: skip


@given(st.dictionaries(st.sampled_from([*ROW, "pred_relevant_windows", "pred_saliency_scores"]), JSON))
def test_readers_raise_nothing_but_value_errors(change: dict[str, Any]) -> None:
    for read in (read_release, lambda text: list(read_submission([text]))):
        try:
            read(json.dumps(ROW | change))
        except ValueError as error:
            assert str(error).startswith("line 1")


def test_ids_must_match_one_to_one() -> None:
    samples = make_samples("qvhighlights", read_release("\n".join(json.dumps(ROW | {"qid": i}) for i in range(6))))
    rows = [{"qid": i, "pred_relevant_windows": [[i, i + 1, 1]]} for i in range(6)]
    assert [p.spans[0].start_s for p in match_submission(submission(*rows[::-1]), samples)] == list(range(6))
    with pytest.raises(InputError, match=r"5 missing \(0, 1, 2 …\)") as error:
        match_submission(submission(rows[5]), samples)
    assert (error.value.expected, error.value.next_command) == (
        "one prediction for each of the 6 query ids of the split", "harness show qvhighlights"
    )  # fmt: skip
    with pytest.raises(InputError, match=r"1 of no sample \(9\); 1 repeated \(0\)"):
        match_submission(submission(*rows, rows[0], {"qid": 9}), samples)


def test_report_of_one_half() -> None:
    moments = moment_retrieval([[(0.0, 2.0, 1.0)]], [[Span(0, 2)]])
    assert list(report(moments, None)) == ["brief", "full", "long", "middle", "short"]
    assert report(moments, None)["brief"]["MR-short-mAP"] == 100
    assert list(report(None, highlight_detection([[1.0]], [[(4,)]]))) == [
        "brief", "HL-min-Fair", "HL-min-Good", "HL-min-VeryGood"
    ]  # fmt: skip
