"""Which rewards can score which protocols: by the kinds that a reward names, and by what a true answer earns."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tasks import kinds
from tasks.protocol import Protocol
from trainers.rewards import rows

Reward = Callable[..., list[float | None]]


def kinds_of(reward: Callable[..., Any]) -> tuple[str, ...]:
    """The kinds that a reward can score: `KINDS` of the file that defines it, or all of them."""
    while isinstance(reward, partial):
        reward = reward.func
    return tuple(getattr(reward, "__globals__", {}).get("KINDS", kinds.names()))


def misfit(reward: Reward, protocol: Protocol) -> str | None:
    """Why a reward cannot score replies under a protocol; None where it can.

    It has to know the protocol's kind, and in one of the modes pay half of its maximum or more for a true answer in the words of
    the protocol: less means that it looks for other words.

    Raises:
        InputError: A setting of the reward has a wrong value.
    """
    if protocol.kind not in kinds_of(reward):
        return f"scores {listed(kinds_of(reward))}, and {protocol.name} asks for {protocol.kind}"
    most, best = largest(reward, protocol.kind), 0.0
    for row in filter(rows.answerable, rows.of_kinds([protocol.kind])):
        for mode in protocol.prompt.modes:
            asked = row._replace(mode=mode, protocol_name=protocol.name)
            (said,) = reward([rows.spoken(asked, protocol)], **rows.columns([asked]))
            best = max(best, said or 0.0)
    if best >= most / 2:
        return None
    return f"pays {best:.3g} of {most:.3g} for a true answer in the words of {protocol.name}"


def largest(reward: Callable[..., Any], kind: str) -> float:
    """The largest value that a reward can give a row of this kind: what `maximum` of its file says, 1 where that says nothing."""
    settings: dict[str, Any] = {}
    while isinstance(reward, partial):
        settings = {**reward.keywords, **settings}
        reward = reward.func
    said = getattr(reward, "__globals__", {}).get("maximum")
    return 1.0 if said is None else float(said(kind, **{key: value for key, value in settings.items() if key != "protocol"}))


def listed(names: Sequence[str]) -> str:
    """Names in a sentence; `every kind` for all kinds."""
    return "every kind" if {*kinds.names()} <= {*names} else ", ".join(names)
