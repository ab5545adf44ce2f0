"""What is found about a model's clock, in words for `run.json` and the tables. A wrong one is a `clock.ClockError` instead."""

ORDER = "order of frames only: no seconds reach the model"
WHOLE_S = 1.0
"""Resolution of a clock that tells whole seconds."""


def right_to(resolution_s: float | None) -> str:
    """The verdict on a clock that is right to so many seconds; None for the order of frames alone."""
    if resolution_s is None:
        return ORDER
    return f"right to {resolution_s:g} s" + (": whole seconds" if resolution_s == WHOLE_S else "")


def limits(verdict: str | None) -> bool:
    """Whether a verdict limits what the model can score, so that it has to stand beside its numbers.

    >>> [limits(right_to(resolution_s)) for resolution_s in (0.5, 1.0, None)]
    [False, True, True]
    """
    return verdict in (ORDER, right_to(WHOLE_S))
