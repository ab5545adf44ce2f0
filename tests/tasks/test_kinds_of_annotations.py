"""Benchmarks of questions, paragraphs, instances, clips and retrieval: published counts, and numbers that others printed."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tasks import task as tasks
from tasks.anomalies import anomalies
from tasks.errors import InputError
from tasks.kinds.union import merged_set
from tasks.sample import Sample, split_sha256
from tasks.span import Span, exact_iou

pytestmark = pytest.mark.filterwarnings("error")


def load(name: str, split: str, root: Path) -> list[Sample]:
    return tasks.load(tasks.find(name), split, root)


def whole(sample: Sample) -> Span:
    return Span(0.0, sample.duration_s)


def percent(values: list[float]) -> float:
    return 100 * sum(values) / len(values)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "split", "videos", "queries", "spans"),
    [
        ("nextgqa", "train", 567, 3358, 3931),
        ("next-gqa", "test", 990, 5553, 6600),
        ("anet-dense", "train", 10009, 10009, 37421),
        ("anet-dense", "val_1", 4917, 4917, 17505),
        ("anet-dense", "val_2", 4885, 4885, 17031),
        ("anet-tal", "train", 9649, 9654, 14859),
        ("anet-tal", "val", 4728, 4734, 7293),
        ("thumos14", "val", 200, 227, 3007),
        ("thumos14", "test", 210, 245, 3311),
        ("tvsum", "train", 40, 40, 0),
        ("tvsum", "val", 10, 10, 0),
        ("youtube-highlights", "train", 233, 233, 0),
        ("youtube-highlights", "val", 152, 152, 0),
        ("vue-tr", "test", 424, 1598, 2984),
        ("vue-tr-v2", "test", 847, 1600, 2477),
        ("timerft", "train", 2475, 2500, 2500),
    ],
)
def test_published_counts(shared_data: Path, name: str, split: str, videos: int, queries: int, spans: int) -> None:
    samples = load(name, split, shared_data)
    assert len({s.video for s in samples}) == videos
    assert len(samples) == len({s.id for s in samples}) == queries
    assert sum(len(s.truth.spans) for s in samples) == spans
    assert tasks.find(name).splits(shared_data)[split].trust() == "as published"


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "split", "found"),
    [
        ("nextgqa", "train", {"moment ends after the duration": 3}),
        ("nextgqa", "test", {"moment starts before 0": 36}),
        ("anet-dense", "val_1", {"queries that are not in order of their starts": 131}),
        ("anet-dense", "val_2", {"queries that are not in order of their starts": 171}),
        (
            "anet-tal",
            "train",
            {"moment of zero length": 9, "moment ends after the duration": 144, "moments of one query overlap": 113},
        ),
        (
            "anet-tal",
            "val",
            {"moment of zero length": 3, "moment ends after the duration": 71, "moments of one query overlap": 50},
        ),
        ("timerft", "train", {"moment ends after the duration": 48}),
    ],
)
def test_anomalies_are_kept_and_listed(shared_data: Path, name: str, split: str, found: dict[str, int]) -> None:
    listed = {anomaly: len(hits) for anomaly, hits in anomalies(load(name, split, shared_data)).items()}
    assert {anomaly: listed.get(anomaly) for anomaly in found} == found


@pytest.mark.shared_data
def test_nextgqa_has_one_content_in_two_forms(shared_data: Path, tmp_path: Path) -> None:
    for split, published_as in (("train", "val"), ("test", "test")):
        (tmp_path / "nextgqa").mkdir(exist_ok=True)
        for name in (f"{published_as}.csv", f"gsub_{published_as}.json"):
            (tmp_path / "nextgqa" / name).symlink_to(shared_data / "nextgqa" / name)
        # Labels and ids of the annotations are equal too, though no hash covers them.
        assert load("nextgqa", split, tmp_path) == load("nextgqa", split, shared_data)


@pytest.mark.shared_data
def test_nextgqa_is_what_its_evaluators_count(shared_data: Path) -> None:
    train, test = (load("nextgqa", split, shared_data) for split in ("train", "test"))
    assert Counter(s.truth.option for s in test) == {"A": 1113, "B": 1105, "C": 1133, "D": 1135, "E": 1067}
    assert Counter(dict(s.labels)["type"] for s in test) == {"TN": 1356, "TC": 852, "TP": 93, "CW": 2456, "CH": 796}
    assert [sum(len(s.truth.spans) > 1 for s in split) for split in (test, train)] == [591, 339]
    assert {len(s.options) for s in (*train, *test)} == {5}
    assert not {s.video for s in train} & {s.video for s in test}
    assert round(percent([merged_set([whole(s)], s.truth.spans) for s in test]), 4) == 22.6466
    assert round(percent([merged_set([whole(s)], s.truth.spans) for s in train]), 4) == 22.7783
    (equal,) = (s for s in test if s.native_id == "3842638015_4")
    assert (equal.options[3:], equal.truth.option) == (("happy", "happy"), "E")
    for split in (train, test):
        asked = Counter((s.video, s.queries) for s in split)
        assert sum(count > 1 for count in asked.values()) == 2


@pytest.mark.shared_data
def test_paragraphs_keep_the_published_order(shared_data: Path) -> None:
    published = json.loads((shared_data / "activitynet" / "val_2.json").read_text(encoding="utf-8"))
    dense = load("anet-dense", "val_2", shared_data)
    for sample in dense:
        entry = published[sample.video]
        assert [list(span) for span in sample.truth.spans] == entry["timestamps"]
        assert list(sample.queries) == entry["sentences"] and sample.duration_s == entry["duration"]
    ious = [float(exact_iou(whole(s), span)) for s in dense for span in s.truth.spans]
    assert round(percent(ious), 4) == 34.5724


@pytest.mark.shared_data
def test_instances_give_the_floor_of_the_whole_video(shared_data: Path) -> None:
    """F1 of one span for a row is 2R / (1 + R) where it hits anything: MUSEG's, averaged over four thresholds."""
    samples = load("anet-tal", "val", shared_data)
    assert len({s.query for s in samples}) == 200

    def f1(sample: Sample) -> float:
        ious = [float(exact_iou(whole(sample), span)) for span in sample.truth.spans]
        recalls = [sum(iou >= threshold for iou in ious) / len(ious) for threshold in (0.1, 0.3, 0.5, 0.7)]
        return sum(2 * recall / (1 + recall) for recall in recalls) / 4

    assert round(percent(list(map(f1, samples))), 4) == 67.9840
    multi = [sample for sample in samples if len(sample.truth.spans) > 1]
    assert (len(multi), round(percent(list(map(f1, multi))), 4)) == (1151, 27.6379)
    assert not {s.video for s in load("anet-tal", "train", shared_data)} & {s.video for s in load("anet", "val_2", shared_data)}
    assert len({s.video for s in samples} & {s.video for s in load("anet", "val_2", shared_data)}) == 4689


@pytest.mark.shared_data
def test_thumos_has_the_same_classes_in_both_splits(shared_data: Path) -> None:
    val, test = (load("thumos14", split, shared_data) for split in ("val", "test"))
    assert {s.query for s in val} == {s.query for s in test} and len({s.query for s in val}) == 20
    assert "clean and jerk" in {s.query for s in test}
    diving = {s.video: set(s.truth.spans) for s in test if s.query == "diving"}
    cliffs = [s for s in test if s.query == "cliff diving"]
    assert (len(cliffs), len(diving)) == (16, 26) and all(set(s.truth.spans) <= diving[s.video] for s in cliffs)
    assert sum(span.end_s > s.duration_s for s in val for span in s.truth.spans) == 4


@pytest.mark.shared_data
def test_thumos15_needs_durations_of_its_user(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "thumos15").mkdir()
    (tmp_path / "thumos15" / "thumos15_val.json").symlink_to(shared_data / "thumos15" / "thumos15_val.json")
    with pytest.raises(InputError, match=r"thumos15/durations\.csv") as error:
        load("thumos15", "val", tmp_path)
    assert "video,seconds" in error.value.next_command
    assert error.value.found.startswith("only thumos15/thumos15_val.json below")
    rows = json.loads((shared_data / "thumos15" / "thumos15_val.json").read_text(encoding="utf-8"))
    videos = sorted({Path(row["video"]).stem for row in rows})
    table = "\n".join(["video,seconds", *(f"{video},1200.5" for video in videos)])
    (tmp_path / "thumos15" / "durations.csv").write_text(table)
    samples = load("thumos15", "val", tmp_path)
    assert (len({s.video for s in samples}), len(samples), sum(len(s.truth.spans) for s in samples)) == (412, 474, 6365)

    def contents(rows: list[Sample]) -> Counter[object]:
        return Counter((s.query, tuple(sorted(s.truth.spans))) for s in rows)

    shared = contents(samples) & contents(load("thumos14", "val", shared_data))
    assert (shared.total(), len(shared)) == (227, 226)
    (tmp_path / "thumos15" / "durations.csv").write_text(table.replace(f"{videos[3]},", "other,"))
    with pytest.raises(InputError, match=f"no duration is known for video '{videos[3]}'"):
        load("thumos15", "val", tmp_path)


@pytest.mark.shared_data
def test_clips_have_bounds_and_scores(shared_data: Path) -> None:
    for sample in load("tvsum", "val", shared_data):
        assert sample.grid[-1] == (sample.duration_s - 1, sample.duration_s) and len(sample.grid) == sample.duration_s
        assert {len(scores) for scores in sample.truth.clips or ()} == {20}
        assert {score for scores in sample.truth.clips or () for score in scores} <= {1.0, 2.0, 3.0, 4.0, 5.0}
    youtube = load("youtube-highlights", "train", shared_data)
    assert Counter(dict(s.labels)["domain"] for s in youtube)["skiing"] == 67
    first = youtube[0]
    assert first.grid[1] == (50 / 27.172045139576323, 150 / 27.172045139576323)
    published = [json.loads(line) for line in (shared_data / "youtube_highlights" / "train.jsonl").read_text().splitlines()]
    for sample, entry in zip(youtube, published, strict=True):
        assert [score for (score,) in sample.truth.clips or ()] == [float(match > 0) for match in entry["match"]]


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "folder", "system"), [("vue-tr", "vue_tr", "Vidi"), ("vue-tr-v2", "vue_tr_v2", "Vidi2")])
def test_vue_tr_has_the_attributes_of_its_evaluator(shared_data: Path, name: str, folder: str, system: str) -> None:
    samples = load(name, "test", shared_data)
    official = json.loads((shared_data / folder / "official_scores.json").read_text(encoding="utf-8"))[system]
    assert official["n"] == len(samples)
    counts = Counter(value for sample in samples for _, value in sample.labels)
    assert counts == {attribute: scores["n"] for attribute, scores in official["attributes"].items()}


@pytest.mark.shared_data
def test_few_shot_splits_of_paragraphs_count_videos(shared_data: Path) -> None:
    fewshot = load("anet-dense", "fewshot-50-seed0", shared_data)
    assert len(fewshot) == 50 and {s.id for s in fewshot} < {s.id for s in load("anet-dense", "fit", shared_data)}
    assert split_sha256(fewshot) != split_sha256(load("anet", "fewshot-50-seed0", shared_data))
