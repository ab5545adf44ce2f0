"""Durations of videos whose annotations have none, from tables that stand beside them."""

from collections.abc import Callable, Mapping

from tasks.formats.published import SLOWEST_FPS, length, table, written_seconds


def frame_durations(text: str) -> dict[str, float]:
    """Duration in seconds by video: frames over frames a second, of a csv with `video`, `count` and `fps`. Raises ValueError."""
    return _by_video(text, ("count", "fps"), _of_frames)


def second_durations(text: str) -> dict[str, float]:
    """Duration in seconds by video, of a csv with `video` and `seconds`. Raises ValueError on another shape."""
    return _by_video(text, ("seconds",), lambda row: written_seconds(row["seconds"]))


def known(durations_s: Mapping[str, float], video: str) -> float:
    """The duration of a video. Raises ValueError where there is none: none is ever made up."""
    if video not in durations_s:
        raise ValueError(f"no duration is known for video {video!r}")
    return durations_s[video]


def _of_frames(row: Mapping[str, str]) -> float:
    fps = written_seconds(row["fps"])
    if fps < SLOWEST_FPS:
        raise ValueError(f"{fps:g} frames a second")
    return written_seconds(row["count"]) / fps


def _by_video(text: str, columns: tuple[str, ...], duration: Callable[[Mapping[str, str]], float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for where, row in table(text, "video", *columns):
        video = row["video"]
        try:
            duration_s = length(duration(row))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if found.setdefault(video, duration_s) != duration_s:
            raise ValueError(f"{where}: video {video!r} has another duration above, {found[video]:g} s")
    return found
