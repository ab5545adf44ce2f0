"""Temporal action localization: all instances of one class in one video are one sample, whose query is the class."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from tasks.formats.durations import frame_durations, known
from tasks.formats.published import (
    each,
    expect,
    field,
    get,
    length,
    listed,
    objects,
    parse_json,
    sentence,
    shown,
    span,
    spans,
    stem,
    table,
    videos,
    written_seconds,
)
from tasks.sample import Sample, one_query
from tasks.span import Span

_CATEGORY = re.compile(r"action category: '(.+)'")
_QUOTED = re.compile(r"'(.+)'")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def read_activitynet(actions: str, info: str, *, subset: str) -> list[Sample]:
    """BMN's `anet_anno_action.json`, of which `video_info_new.csv` names the subset of each video.

    Args:
        actions: `{video: {"duration_second": s, "annotations": [{"segment": [s, e], "label": class}, …]}}`.
        info: A csv with `video` and `subset`.
    """
    subsets = {row["video"]: row["subset"] for _, row in table(info, "video", "subset")}
    rows: list[Sample] = []
    for video, entry in videos(actions):
        if video not in subsets:
            raise ValueError(f"no subset is known for video {video!r}")
        if subsets[video] == subset:
            found = _annotations(entry, video)
            pairs = [(sentence(get(one, "label", video)), span(get(one, "segment", video))) for one in found]
            rows += _by_class(video, length(get(entry, "duration_second", video)), pairs)
    return rows


def read_thumos(annotations: str, info: str, *, subset: str) -> list[Sample]:
    """AFSD's `thumos_gt.json`, with durations from its table of frame counts; classes are written in words, in lower case.

    Args:
        annotations: `{"database": {video: {"subset": …, "annotations": [{"segment": ["s", "e"], "label": class}, …]}}}`.
        info: A csv with `video`, `count` and `fps`.
    """
    durations_s = frame_durations(info)
    rows: list[Sample] = []
    document = expect(parse_json(annotations), dict, "an object")
    for video, entry in expect(get(document, "database", "the file"), dict, "an object of videos").items():
        if get(expect(entry, dict, f"an object for video {video!r}"), "subset", video) == subset:
            found = _annotations(entry, video)
            pairs = [(_words(get(one, "label", video)), _written(get(one, "segment", video))) for one in found]
            rows += _by_class(video, known(durations_s, video), pairs)
    return rows


def read_museg(text: str, info: str, *, durations: Callable[[str], Mapping[str, float]]) -> list[Sample]:
    """MUSEG's rows: the class stands in the question ("action category: 'billiards'"), `groundtruth` holds all instances.

    Args:
        text: A list of rows with `video`, `question`, `groundtruth`.
        info: A csv that gives durations, which the rows do not have.
    """
    durations_s = durations(info)

    def build(entry: dict[str, Any]) -> Sample:
        action = _quoted(field(entry, "question"), _CATEGORY)
        video = stem(field(entry, "video"))
        return one_query(video, known(durations_s, video), action, spans(field(entry, "groundtruth")))

    return each(listed(parse_json(text)), build)


def read_museg_training(*texts: str, folder: str) -> list[Sample]:
    """Rows of MUSEG's training files of the task `tal` with a video in this folder; the class is quoted in `problem`."""
    rows: list[Sample] = []
    for text in texts:
        rows += each(_localization(objects(text.split("\n")), folder), _training)
    return rows


def _localization(entries: Iterable[tuple[str, dict[str, Any]]], folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, entry in entries:
        path = PurePosixPath(expect(get(entry, "video", where), str, f"the path of a video in {where}"))
        if get(entry, "task", where) == "tal" and path.parent.name == folder:
            yield where, entry


def _training(entry: dict[str, Any]) -> Sample:
    duration_s = length(field(entry, "duration"))
    return one_query(stem(entry["video"]), duration_s, _quoted(field(entry, "problem"), _QUOTED), spans(field(entry, "solution")))


def _by_class(video: str, duration_s: float, instances: Iterable[tuple[str, Span]]) -> list[Sample]:
    """A sample a class, in the order of first appearance; instances keep their order."""
    of_class: dict[str, list[Span]] = {}
    for name, instance in instances:
        of_class.setdefault(name, []).append(instance)
    return [one_query(video, duration_s, name, found) for name, found in of_class.items()]


def _annotations(entry: Mapping[str, Any], video: str) -> list[dict[str, Any]]:
    found = expect(get(entry, "annotations", video), list, f"a list of annotations of {video!r}")
    return [expect(one, dict, f"an object as an annotation of {video!r}") for one in found]


def _quoted(value: Any, pattern: re.Pattern[str]) -> str:
    match = pattern.search(sentence(value))
    if match is None:
        raise ValueError(f"no action in quotation marks in {value[:80]!r}")
    return match[1]


def _words(label: Any) -> str:
    return _CAPITAL.sub(" ", sentence(label)).lower()


def _written(value: Any) -> Span:
    """`["start", "end"]`, seconds written as text."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected a segment [start, end], found {shown(value)}")
    return Span(written_seconds(value[0]), written_seconds(value[1]))
