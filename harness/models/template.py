"""A checkpoint's chat template is a program of somebody else's: tried once, within bounds, before it is trusted."""

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from harness.models import prompt
from tasks.errors import InputError
from tasks.rules import PromptRules

SECONDS = 10.0
"""A template of the supported families takes less than a thousandth of this."""

BYTES = 2**31
LONGEST = 100_000
"""Characters of a rendered prompt, many times the longest question and system message."""

QUESTION = 'When does "the person opens 2 doors" happen in the video?'
STEP = "use the family's own template: copy chat_template.jinja from the base model"


def check(processor: Any, rules: PromptRules, slot: str = prompt.SLOT) -> None:
    """Render one question. Data of a question can still make a template fail, but its author cannot make it hang.

    Raises InputError where the template raises, takes too long or too much memory, or does not say what it is told: question,
    system message and video once each, in the protocol's order.
    """
    expected = "a chat template that renders a question"
    try:
        with bounded(SECONDS, BYTES):
            before, after = prompt.render(processor, rules, QUESTION, slot)
    except InputError:
        raise
    except TimeoutError as error:
        raise InputError(expected, f"a template that takes longer than {SECONDS:g} s", STEP) from error
    except MemoryError as error:
        raise InputError(expected, f"a template that takes more than {BYTES // 2**30} GiB", STEP) from error
    except Exception as error:  # a template can raise whatever Python can
        raise InputError(expected, f"{type(error).__name__}: {error}", STEP) from error
    place, other = (after, before) if rules.order == "video-text" else (before, after)
    if place.count(QUESTION) != 1 or QUESTION in other or len(before) + len(after) > LONGEST:
        raise InputError(f"{expected} once, {rules.order}", f"{before[-200:]}{slot}{after[:200]}", STEP)


@contextmanager
def bounded(seconds: float, size: int) -> Iterator[None]:
    """Raise TimeoutError or MemoryError in the main thread where it works too long, or takes more bytes than it has now.

    In another thread, which no signal reaches, only memory is bounded.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    limit = used + size
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, _late) if main else None
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        if main:
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        yield
    except _Late as late:
        raise TimeoutError(f"{seconds:g} s") from late
    finally:
        if main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class _Late(BaseException):
    """No `Exception`: while it computes constants, jinja2 takes those for a reason to compute them later."""


def _late(_number: int, _frame: FrameType | None) -> None:
    raise _Late
