"""Loading annotations: published files give published counts, and every way a file can be wrong is named."""

import dataclasses
import json
from pathlib import Path

import pytest

from tasks import task as tasks
from tasks.anomalies import anomalies
from tasks.errors import InputError
from tasks.formats.published import read_charades_durations, read_tall_text, read_timestamps_json
from tasks.sample import split_sha256
from tasks.span import Span

pytestmark = pytest.mark.filterwarnings("error")


def load(name: str, split: str, root: Path) -> list[tasks.Sample]:
    return tasks.load(tasks.find(name), split, root)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "split", "videos", "queries"),
    [
        ("charades", "train", 5338, 12408),
        ("charades-sta", "test", 1334, 3720),
        ("anet", "train", 10009, 37421),
        ("activitynet", "val_1", 4917, 17505),
        ("anet", "val_2", 4885, 17031),
    ],
)
def test_published_counts(shared_data: Path, name: str, split: str, videos: int, queries: int) -> None:
    samples = load(name, split, shared_data)
    assert (len({s.video for s in samples}), len(samples), len({s.id for s in samples})) == (videos, queries, queries)


@pytest.mark.shared_data
def test_tall_text_gives_the_same_samples_as_json(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "charades_sta"
    folder.mkdir()
    for name in ("train.txt", "test.txt", "Charades_v1_train.csv", "Charades_v1_test.csv"):
        (folder / name).symlink_to(shared_data / "charades_sta" / name)
    from_text, from_json = load("charades", "test", tmp_path), load("charades", "test", shared_data)
    assert split_sha256(from_text) == split_sha256(from_json)
    # The two files of train agree on everything but the durations, which the split hash tells apart.
    text_train, json_train = load("charades", "train", tmp_path), load("charades", "train", shared_data)
    assert {s.id for s in text_train} == {s.id for s in json_train}
    assert split_sha256(text_train) != split_sha256(json_train)
    assert {s.id for s in load("charades", "dev", tmp_path)} == {s.id for s in load("charades", "dev", shared_data)}


@pytest.mark.shared_data
def test_anomalies_are_kept_as_published(shared_data: Path) -> None:
    counts = {name: {k: len(v) for k, v in anomalies(load(*name, shared_data)).items()} for name in
              [("charades", "train"), ("charades", "test"), ("anet", "train"), ("anet", "val_2")]}  # fmt: skip
    assert counts["charades", "test"]["moment ends after the duration"] == 562
    assert counts["charades", "train"]["moment ends before it starts"] == 4
    assert counts["charades", "train"]["moment ends after the duration"] == 1789
    assert counts["anet", "train"]["moment ends before it starts"] == 2
    assert counts["anet", "train"]["moment of zero length"] == 2
    assert counts["anet", "val_2"]["moment ends after the duration"] == 111
    assert counts["charades", "test"]["double blanks or line breaks in the query"] == 9
    reversed_moment = anomalies(load("charades", "train", shared_data))["moment ends before it starts"]
    assert Span(8.0, 7.0) in {s.truth.spans[0] for s in reversed_moment}


def test_tall_text_splits_at_the_first_mark_only() -> None:
    (row,) = read_tall_text("0G2SC 9.5 18.8##person #1 smiled ## twice.\n", {"0G2SC": 20.0})
    assert (row.query, row.truth.spans) == ("person #1 smiled ## twice.", (Span(9.5, 18.8),))


@pytest.mark.parametrize(
    "text",
    ["V 1 2 no mark", "V 1##q", "V 1 2 3##q", "V a b##q", "W 1 2##q"],
    ids=["mark", "fields", "many", "number", "duration"],
)
def test_tall_text_names_the_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 2|could not convert"):
        read_tall_text(f"V 1 2##fine\n{text}", {"V": 10.0})


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"v": []}',
        '{"v": {"duration": 3, "timestamps": []}}',
        '{"v": {"duration": 3, "timestamps": [[0, 1]], "sentences": []}}',
        '{"v": {"duration": "3", "timestamps": [[0, 1]], "sentences": ["a"]}}',
        '{"v": {"duration": NaN, "timestamps": [[0, 1]], "sentences": ["a"]}}',
        '{"v": {"duration": 3, "timestamps": [[0]], "sentences": ["a"]}}',
        '{"v": {"duration": 3, "timestamps": [[0, null]], "sentences": ["a"]}}',
        '{"v": {"duration": 3, "timestamps": [[0, 1]], "sentences": [7]}}',
    ],
)
def test_timestamps_json_refuses_other_shapes(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_timestamps_json(text)


def test_csv_without_the_columns_is_refused() -> None:
    assert read_charades_durations("id,length\r\nA,3.5\r\n") == {"A": 3.5}
    with pytest.raises(ValueError, match="length"):
        read_charades_durations("id,size\nA,3")


def edit_benchmark(root: Path, change: dict[str, object], videos: dict[str, object] | None = None) -> None:
    folder = root / "synthetic"
    manifest = json.loads((folder / "manifest.json").read_text())
    if videos is not None:
        (folder / "test.json").write_text(json.dumps(videos))
        manifest["splits"]["test"]["sha256"] = None
    manifest["splits"]["test"] |= change
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_wrong_hash_is_told_with_the_counts(benchmark_root: Path) -> None:
    with (benchmark_root / "synthetic" / "test.json").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match="12 videos / 36 queries where 12 videos / 36 queries") as error:
        load("synthetic", "test", benchmark_root)
    assert error.value.next_command == "harness data make"


def test_wrong_counts(benchmark_root: Path) -> None:
    edit_benchmark(benchmark_root, {"queries": 37})
    with pytest.raises(InputError, match="12 videos / 37 queries"):
        load("synthetic", "test", benchmark_root)


def test_bad_json(benchmark_root: Path) -> None:
    (benchmark_root / "synthetic" / "test.json").write_text('{"v": ')
    with pytest.raises(InputError, match="Expecting value"):
        load("synthetic", "test", benchmark_root)


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "a/../../b", "", "a\\b", "a\nb"])
def test_video_names_that_leave_the_data_root_are_refused(benchmark_root: Path, key: str) -> None:
    entry = {"duration": 3, "timestamps": [[0, 1]], "sentences": ["a"]}
    edit_benchmark(benchmark_root, {"videos": 1, "queries": 1}, {key: entry})
    with pytest.raises(InputError, match="below the data root"):
        load("synthetic", "test", benchmark_root)


def test_missing_annotations_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"test\.json.*\n.*or charades_sta/test\.txt with charades_sta/Charades_v1_test\.csv"):
        load("charades", "test", tmp_path)
    with pytest.raises(InputError, match=r"manifest\.json"):
        load("synthetic", "test", tmp_path)


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'charade' \(nearest: charades\)"):
        tasks.find("charade")
    with pytest.raises(InputError, match=r"'tst' \(nearest: test\)"):
        load("charades", "tst", Path())


def test_declarations_are_complete() -> None:
    for name, task in tasks.all_tasks().items():
        assert name == task.name
        for field in dataclasses.fields(task):
            assert getattr(task, field.name) is not None
        assert task.title and task.licence and task.citation and task.obtain
