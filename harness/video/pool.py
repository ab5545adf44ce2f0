"""Decoding ahead of the model, in processes that can be killed: a hostile video costs one sample, not the run."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from harness import extras
from harness.frames import Frames, Job
from harness.video.decode import read_frames
from harness.video.failure import DecodeError
from tasks.errors import Failure
from tasks.rules import VideoRules
from tasks.span import Span

MEMORY_BYTES = 8 * 2**30
AHEAD_BYTES = 4 * 2**30
VIDEOS_PER_WORKER = 500
QUIET = "ignore:resource_tracker"
"""For the process that clears up after one that was killed: that there is something to clear up is no news."""

Read = Callable[[Path, VideoRules, int, Span | None], Frames]
_MAIN = threading.Lock()


class _Worker(SpawnProcess):
    """A process that does not run the user's script again: a script needs no `if __name__ == "__main__"`."""

    def start(self) -> None:
        # What is spawned imports the main module of its parent, and a script would start its own evaluation in there.
        with _MAIN:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Worker


def ahead(rules: VideoRules, workers: int, window: int) -> int:
    """How many videos to decode ahead for a model that takes up to `window` at once: no more than memory should hold decoded."""
    # Two frames share a visual token, and rounding to it can go up.
    largest_bytes = 3 * 2 * min(rules.total_pixels, rules.max_frames * rules.max_pixels)
    return max(2 * workers, min(window, AHEAD_BYTES // largest_bytes))


class FramePool:
    """Worker processes that decode videos in order, a bounded number ahead; its consumer has waited for `waited_s` so far."""

    def __init__(
        self,
        rules: VideoRules,
        factor: int,
        workers: int = 1,
        deadline_s: float = 60.0,
        prefetch: int | None = None,
        read: Read = read_frames,
    ) -> None:
        """Describe the pool; its processes, of one thread each, start on entering it.

        One that takes more than `deadline_s` for a video is killed. At most `prefetch` videos, if not given twice the workers,
        are being decoded or wait decoded at any time. `read` reads one; it must be importable by name in another process.
        Raises InputError without the extra `video`.
        """
        # Workers need them: a package that is missing is told here, before any process starts.
        for package in ("av", "PIL.Image"):
            extras.package(package, "video")
        self.waited_s = 0.0
        self._job = (rules, factor, read)
        self._deadline_s = deadline_s
        self._prefetch = 2 * workers if prefetch is None else prefetch
        # Spawned, not forked: readers inherited through a fork hang, and the parent may hold a GPU.
        self._pool = ProcessPool(workers, VIDEOS_PER_WORKER, _prepare, context=_Context())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call, unused-ignore]
        self._pool.join()

    def frames(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Frames | Failure]]:
        """Frames of each job, or the reason why there are none, in the order of the jobs; the first are asked for at once.

        Failures are those of `DecodeError`, `decode-timeout`, `decode-crash` and `decode-memory`. Any other exception of a
        worker is raised here.
        """
        remaining = iter(jobs)
        return self._outcomes(deque(self._start(job) for job in islice(remaining, self._prefetch)), remaining)

    def _outcomes(
        self, window: "deque[tuple[Job, Future[Frames | Failure]]]", remaining: Iterator[Job]
    ) -> Iterator[tuple[Job, Frames | Failure]]:
        while window:
            job, future = window.popleft()
            outcome = self._wait(future)
            window.extend(self._start(job) for job in islice(remaining, 1))
            del future  # or the frames would live until the next ones come
            yield job, outcome
            del outcome

    def _start(self, job: Job) -> tuple[Job, "Future[Frames | Failure]"]:
        rules, factor, read = self._job
        with _interrupts_held():
            future = self._pool.schedule(_work, (read, job.path, rules, factor, job.clip), timeout=self._deadline_s)
        return job, future

    def _wait(self, future: "Future[Frames | Failure]") -> Frames | Failure:
        start = time.perf_counter()
        try:
            return future.result()
        except TimeoutError:
            return Failure("decode-timeout", f"no frames within {self._deadline_s:g} s")
        except ProcessExpired as error:
            return Failure("decode-crash", f"the decoding process died with exit code {error.exitcode}")
        finally:
            self.waited_s += time.perf_counter() - start


def _work(read: Read, path: Path, rules: VideoRules, factor: int, clip: Span | None) -> Frames | Failure:
    """What a worker does for one job."""
    try:
        return read(path, rules, factor, clip)
    except DecodeError as error:
        return error.failure
    except MemoryError:
        return Failure("decode-memory", f"{path.name} needs more than {MEMORY_BYTES // 2**30} GiB")


def _prepare() -> None:
    """What a worker does first."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if sys.platform == "linux":
        import resource

        # A file that lies about its size exhausts its worker, not the machine.
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES if hard < 0 else min(MEMORY_BYTES, hard), hard))


def _end_with_parent() -> None:
    """End this worker, whatever file it is stuck in, when the process that would stop it is no more."""
    if (parent := multiprocessing.parent_process()) is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Workers that start in here are born deaf to Ctrl-C: the parent stops them, and they print nothing."""
    if sys.platform == "win32":
        yield
        return
    if QUIET not in sys.warnoptions:
        sys.warnoptions.append(QUIET)
    resource_tracker.ensure_running()  # starting it later would undo the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
