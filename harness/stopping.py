"""How a command ends when it is told to: the first signal in order, the second at once; and what it started with it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import IO, Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PARENT_DIES = 1
"""PR_SET_PDEATHSIG of linux/prctl.h."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP; `code` is what the process exits with, as shells count it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


def install() -> None:
    """From here on the first signal raises `Stopped` in the main thread; the second ends the process without a word.

    What is ignored (by nohup) stays ignored. Of several processes of one launch, the launcher decides when they end.
    """
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    for number in SIGNALS if alone else (signal.SIGINT,):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in SIGNALS:
        if signal.getsignal(each) is _stop:
            signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)


class Children:
    """Commands that this process starts and that do not outlive it; for use from several threads.

    They take no part in a Ctrl-C of the terminal: `stop` tells them once. Where this process is killed they are told by the
    kernel (on Linux; elsewhere they go on).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> int:
        """Exit code of a command whose standard output and error go to a file; after `stop`, that of SIGTERM at once."""
        with self._lock:
            if self._stopped:
                return -signal.SIGTERM
            attached = [sys.executable, "-m", __name__, str(os.getpid()), *command]
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            process = subprocess.Popen(attached, **streams, env=environment, start_new_session=True)
            self._running.add(process)
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> int:
        """Tell those at work to end, and start no more; returns how many those are. `run` returns when they have ended."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()
            return len(self._running)


def _attached(parent: int, command: list[str]) -> None:
    """Become a command that gets SIGTERM when its parent ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PARENT_DIES, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    _attached(int(sys.argv[1]), sys.argv[2:])
