"""Frames for training, decoded in other processes: those of the next prompts while a step computes."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.frames import Frames, Job
from harness.video.pool import FramePool
from tasks.errors import Failure
from tasks.rules import VideoRules
from tasks.span import Span
from trainers.examples import Key

WORKERS = 2  # Processes for each set of video rules: more than a step waits for, where videos are not decoded in time


class FrameReader:
    """Reads a video, at once if it was asked for before; `closing` keeps its processes, which end with it."""

    def __init__(self, closing: ExitStack, factor: int, deadline_s: float) -> None:
        self._closing = closing
        self._options = factor, WORKERS, deadline_s
        self._pools: dict[VideoRules, FramePool] = {}
        # Iterators over a single video: it is asked for when the iterator is made.
        self._asked: dict[Key, Iterator[tuple[Job, Frames | Failure]]] = {}

    def __call__(self, path: Path, clip: Span | None, rules: VideoRules) -> Frames | Failure:
        """The frames of a video, or why there are none."""
        asked = self._asked.pop((path, clip, rules), None) or self._ask(path, clip, rules)
        ((_, frames),) = asked
        return frames

    def ahead(self, keys: Iterable[Key]) -> None:
        """Ask for the videos that are needed next, the next one first, and for no others."""
        wanted = dict.fromkeys(keys)
        for key in [key for key in self._asked if key not in wanted]:
            self._asked.pop(key)
        for key in wanted:
            if key not in self._asked:
                self._asked[key] = self._ask(*key)

    def _ask(self, path: Path, clip: Span | None, rules: VideoRules) -> Iterator[tuple[Job, Frames | Failure]]:
        if rules not in self._pools:
            factor, workers, deadline_s = self._options
            self._pools[rules] = self._closing.enter_context(FramePool(rules, factor, workers, deadline_s))
        return self._pools[rules].frames([Job(str(path), path, clip)])


@contextmanager
def frame_reader(factor: int, deadline_s: float) -> Iterator[FrameReader]:
    """A reader for videos whose sides are multiples of `factor` pixels."""
    with ExitStack() as closing:
        yield FrameReader(closing, factor, deadline_s)
