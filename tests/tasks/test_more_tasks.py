"""The further benchmarks: published counts, every anomaly a loader could trip over, and files that only a user has."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import task as tasks
from tasks.anomalies import anomalies
from tasks.errors import InputError
from tasks.formats.published import (
    read_charades_durations,
    read_frames_json,
    read_queries_json,
    read_tall_text,
    read_timestamps_json,
    read_tvgbench,
)
from tasks.sample import Sample, make_samples, one_query, split_sha256
from tasks.span import Span

pytestmark = pytest.mark.filterwarnings("error")


def load(name: str, split: str, root: Path) -> list[Sample]:
    return tasks.load(tasks.find(name), split, root)


def count(samples: list[Sample]) -> tuple[int, int]:
    assert len({s.id for s in samples}) == len(samples)
    return len({s.video for s in samples}), len(samples)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "split", "videos", "queries"),
    [
        ("charades-cd", "train", 4564, 11071),
        ("charades-cd", "val", 333, 859),
        ("charades-cd", "test_iid", 333, 823),
        ("charades-cd", "test_ood", 1442, 3375),
        ("charades-cg", "train", 3555, 8281),
        ("charades-cg", "novel_composition", 2480, 3442),
        ("charades-cg", "novel_word", 580, 695),
        ("charades-cg", "test_trivial", 1689, 3096),
        ("tacos", "train", 75, 9790),
        ("tacos", "val", 27, 4436),
        ("tacos", "test", 25, 4001),
        ("tvgbench", "test", 462, 800),
    ],
)
def test_published_counts(shared_data: Path, name: str, split: str, videos: int, queries: int) -> None:
    assert count(load(name, split, shared_data)) == (videos, queries)
    assert tasks.find(name).splits(shared_data)[split].trust() == "as published"


@pytest.mark.shared_data
def test_defaults_and_few_shot_splits(shared_data: Path) -> None:
    defaults = {name: tasks.find(name).default_split for name in ("charades-cd", "charades-cg", "anet-cd", "tacos", "tvgbench")}
    assert list(defaults.values()) == ["test_ood", "novel_composition", "test_ood", "test", "test"]
    for name in ("charades-cd", "charades-cg"):
        fewshot = load(name, "fewshot-50-seed0", shared_data)
        assert len({s.video for s in fewshot}) == 50
        assert {s.id for s in fewshot} < {s.id for s in load(name, "fit", shared_data)}
    with pytest.raises(InputError, match="a split of tvgbench: test"):
        load("tvgbench", "fewshot-50-seed0", shared_data)


@pytest.mark.shared_data
def test_charades_cd_is_charades_sta_divided_again(shared_data: Path) -> None:
    splits = {name: load("charades-cd", name, shared_data) for name in ("train", "val", "test_iid", "test_ood")}
    assert sum(map(len, splits.values())) == 16128 == 12408 + 3720
    found = {name: {k: len(v) for k, v in anomalies(samples).items()} for name, samples in splits.items()}
    assert found["test_iid"]["moment ends after the duration"] == 151
    assert found["test_ood"]["moment ends after the duration"] == 348
    assert all("moment ends before it starts" not in names for names in found.values())
    after = anomalies(splits["test_ood"])["moment starts after the duration"]
    assert sorted(s.video for s in after) == ["AKKWU", "AKKWU", "LEOL6"]
    # The four reversed moments of Charades-STA are swapped here, and a glued pair of sentences has lost its full stop.
    assert Span(7.0, 8.0) in {t for s in after for t in s.truth.spans}
    assert any("smilingthe person lays the mirror down" in s.query for samples in splits.values() for s in samples)
    assert all((16 * s.duration_s).is_integer() for s in splits["test_ood"])


@pytest.mark.shared_data
def test_charades_cg_anomalies(shared_data: Path) -> None:
    composition, word, trivial = (
        load("charades-cg", name, shared_data) for name in ("novel_composition", "novel_word", "test_trivial")
    )
    assert len(anomalies(composition)["moment ends after the duration"]) == 452
    assert len(anomalies(word)["moment ends after the duration"]) == 109
    assert len({s.video for s in composition} & {s.video for s in trivial}) == 1337
    assert not {s.id for s in composition} & {s.id for s in trivial}


@pytest.mark.shared_data
def test_tacos_counts_frames(shared_data: Path) -> None:
    samples = {split: load("tacos", split, shared_data) for split in ("train", "val", "test")}
    assert not any(s.video.endswith(".avi") for s in samples["train"])
    first = next(s for s in samples["train"] if s.video == "s17-d69")
    assert first.duration_s == 12438 / 29.4
    assert first.truth.spans == (Span(224 / 29.4, 358 / 29.4),)
    late = [len(anomalies(s).get("moment ends after the duration", [])) for s in samples.values()]
    assert late == [43, 0, 5]
    again = [len(s) - len({(x.video, x.query) for x in s}) for s in samples.values()]
    same = [len(s) - len({(x.video, x.query, x.truth.spans) for x in s}) for s in samples.values()]
    assert (again, same) == ([1703, 792, 832], [1201, 516, 567])
    assert {"Enjoy.", "finished."} & {s.query for split in samples.values() for s in split}


@pytest.mark.shared_data
def test_tvgbench_rows_are_cuts_of_files(shared_data: Path) -> None:
    samples = load("tvgbench", "test", shared_data)
    assert [name for name, task in tasks.all_tasks().items() if task.has_cuts] == ["tvgbench"]
    assert sum(1 for s in samples if s.clip is not None) == 252
    durations: dict[str, set[float]] = {}
    for sample in samples:
        durations.setdefault(sample.video, set()).add(sample.duration_s)
    assert sum(1 for found in durations.values() if len(found) > 1) == 44
    # The video alone does not say what is asked about; video and clip do.
    inputs: dict[Any, set[float]] = {}
    for sample in samples:
        inputs.setdefault((sample.video, sample.clip), set()).add(sample.duration_s)
    assert len(inputs) == 540 and all(len(found) == 1 for found in inputs.values())
    assert all(s.clip.end_s - s.clip.start_s == pytest.approx(s.duration_s) for s in samples if s.clip)  # type: ignore[operator]


@pytest.mark.shared_data
def test_tvgbench_answers_are_kept(shared_data: Path) -> None:
    samples = load("tvgbench", "test", shared_data)
    found = {name: len(hits) for name, hits in anomalies(samples).items()}
    assert found["moment of zero length"] == 11
    assert found["moment ends after the duration"] == 27
    assert found["blanks around the query"] == 135
    assert Span(0.007376774549086917, 12.007376774549087) in {s.truth.spans[0] for s in samples}
    assert sum(1 for s in samples if 0 < float(s.truth.spans[0].end_s) - float(s.truth.spans[0].start_s) < 1) == 18


def place(root: Path, path: str, content: object) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(content), encoding="utf-8")


def test_files_that_only_a_user_has_are_unverified(tmp_path: Path) -> None:
    place(tmp_path, "anet_cd/test_ood.json", {"v_a": {"duration": 10.5, "timestamps": [[0, 3]], "sentences": [" A man."]}})
    novel = {"duration": 9.0, "timestamps": [[0, 2]], "sentences": ["a b"], "news": [{"NOUN": ["b"]}]}
    place(tmp_path, "anet_cg/novel_word.json", {"v_b": novel})
    for name, split in (("anet-cd", "test_ood"), ("activitynet-cg", "novel_word")):
        assert count(load(name, split, tmp_path)) == (1, 1)
        published = tasks.find(name).splits(tmp_path)[split]
        assert published.trust() == "unverified (no published hash or counts)"
        assert published.counts() == "counts unverified"
    with pytest.raises(InputError, match=r"anet_cd/val\.json"):
        load("anet-cd", "val", tmp_path)


@pytest.mark.parametrize(
    ("name", "queries"), [("timelens-charades", 3363), ("timelens-anet", 4500), ("timelens-qvhighlights", 1541)]
)
def test_timelens_counts_are_checked(tmp_path: Path, name: str, queries: int) -> None:
    (source,) = tasks.find(name).splits(tmp_path)["test"].sources
    (path,) = source.files
    videos = {f"v{i}": {"duration": 30.0, "queries": ["a", "b"], "spans": [[0, 1.5], [2, 3]]} for i in range(queries // 2)}
    videos["last"] = {"duration": 30.0, "queries": ["a"][: queries % 2], "spans": [[0, 1]][: queries % 2]}
    place(tmp_path, path, videos)
    assert len(load(name, "test", tmp_path)) == queries
    assert tasks.find(name).splits(tmp_path)["test"].trust() == f"unverified (no published hash, only {queries:,} queries)"
    place(tmp_path, path, {**videos, "more": {"duration": 1, "queries": ["a"], "spans": [[0, 1]]}})
    with pytest.raises(InputError, match=f"{queries:,} queries in {name}@test"):
        load(name, "test", tmp_path)


def test_readers_give_rows_as_published() -> None:
    assert read_timestamps_json(json.dumps({"v": {"video_duration": 3.5, "timestamps": [[0, 1]], "sentences": ["a"]}})) == [
        one_query("v", 3.5, "a", (Span(0, 1),))
    ]
    assert read_frames_json(
        json.dumps({"v.avi": {"fps": 10, "num_frames": 35, "timestamps": [[0, 40]], "sentences": ["a"]}})
    ) == [one_query("v", 3.5, "a", (Span(0, 4),))]
    assert read_queries_json(json.dumps({"v": {"duration": 3, "queries": ["a"], "spans": [[0.5, 1]]}})) == [
        one_query("v", 3, "a", (Span(0.5, 1),))
    ]
    row = {"path": "./x/v.mkv", "question": " a ", "answer": "1.5-2", "duration": 3, "start": None, "end": None}
    assert read_tvgbench(json.dumps([row, {**row, "start": 4.0, "end": 7}])) == [
        one_query("v", 3, " a ", (Span(1.5, 2),)),
        one_query("v", 3, " a ", (Span(1.5, 2),), Span(4, 7)),
    ]


@pytest.mark.parametrize("read", [read_timestamps_json, read_frames_json, read_queries_json, read_tvgbench])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[7]",
        '{"v": 7}',
        "[" * 100_000,
        '{"v": {"duration": 3, "fps": 0, "num_frames": 3, "timestamps": 7, "sentences": 7, "queries": 7, "spans": 7}}',
        '{"v": {"duration": 1e999, "fps": 1e-999, "num_frames": 3, "timestamps": [], "sentences": []}}',
        '{"v": {"duration": 3, "fps": 1, "num_frames": 3, "timestamps": [[0, 1]], "sentences": ["\\ud800"], '
        '"queries": ["\\ud800"], "spans": [[0, 1]]}}',
        f'{{"v": {{"duration": 1{"0" * 400}, "fps": 1, "num_frames": 1{"0" * 400}}}}}',
        '[{"path": 3, "question": "a", "answer": "1-2", "duration": 3}]',
        '[{"path": "v.mp4", "question": "a", "answer": [1, 2], "duration": 3}]',
        '[{"path": "v.mp4", "question": "a", "answer": "2", "duration": 3}]',
        '[{"path": "v.mp4", "question": "a", "answer": "1-2-3", "duration": 3}]',
        '[{"path": "v.mp4", "question": "a", "answer": "nan-2", "duration": 3}]',
        '[{"path": "v.mp4", "question": "a", "answer": "1-2", "duration": 3, "start": 1}]',
    ],
)
def test_readers_refuse_other_shapes(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)


keys = st.sampled_from(["path", "question", "answer", "duration", "video_duration", "start", "end", "fps", "num_frames"])
more = st.sampled_from(["timestamps", "sentences", "spans", "queries", "v.avi"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["1-2", "0.5-7.25"]) | st.text(max_size=6)
pairs = st.lists(st.lists(st.floats(0, 50) | leaves, min_size=2, max_size=2), max_size=2)
documents = st.recursive(
    leaves | pairs, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | more, inner, max_size=7), max_leaves=12
)


@pytest.mark.parametrize("read", [read_timestamps_json, read_frames_json, read_queries_json, read_tvgbench])
@given(document=documents)
@settings(max_examples=150, deadline=None)
def test_any_json_gives_rows_or_a_value_error(read: Any, document: Any) -> None:
    for wrapped in (document, [document], {"v": document}):
        try:
            rows = read(json.dumps(wrapped))
        except ValueError:
            continue
        assert all(math.isfinite(time) for row in rows for time in (row.duration_s, *row.truth.spans[0], *(row.clip or ())))
        split_sha256(make_samples("t", rows))


@given(text=st.text(max_size=200) | st.text(alphabet='id,length\r\n\0"1.', max_size=80).map("id,length\n{}".format))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_durations_or_a_value_error(text: str) -> None:
    for read in (read_charades_durations, lambda text: read_tall_text(text, {"v": 3.0})):
        try:
            found = read(text)
        except ValueError:
            continue
        times = found.values() if isinstance(found, dict) else [time for row in found for time in row.truth.spans[0]]
        assert all(math.isfinite(time) for time in times)


def test_a_byte_that_is_no_text_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "anet_cd").mkdir()
    (tmp_path / "anet_cd" / "val.json").write_bytes(b'{"v":\n{"duration": "\xff"}}')
    with pytest.raises(InputError, match="line 2 is not UTF-8"):
        load("anet-cd", "val", tmp_path)


def test_names_divide_at_the_last_mark() -> None:
    assert tasks.divide("charades") == ("charades", None)
    assert tasks.divide("charades@test") == ("charades", "test")
    assert tasks.divide("a@b/my.jsonl") == ("a@b/my.jsonl", None)
    assert tasks.divide("a@b/my.jsonl@all") == ("a@b/my.jsonl", "all")


def test_every_home_belongs_to_a_file_with_a_hash(tmp_path: Path, benchmark_root: Path) -> None:
    for task in tasks.all_tasks().values():
        for split in ({} if task.name.startswith("synthetic-") else task.splits(benchmark_root)).values():
            for source in split.sources:
                assert len(source.homes) in (0, len(source.files))
                assert all(home.startswith("https://raw.githubusercontent.com/") for home in source.homes)
                assert not source.homes or all(source.files.values())
