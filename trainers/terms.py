"""The terms of a recipe's reward, as TRL calls them."""

from collections.abc import Sequence
from typing import Any

from tasks.protocol import Protocol
from trainers.recipe import RewardPart
from trainers.rewards import Reward, find
from trainers.rewards.user import load


class Term:
    """A reward that counts in some modes only; None says to TRL that a row has nothing to score.

    Raises:
        InputError: There is no such reward.
    """

    def __init__(self, part: RewardPart, protocol: Protocol) -> None:
        own = ".py" in part.name
        self.reward: Reward = load(part.name) if own else find(part.name, protocol, **part.settings)
        self.modes = part.modes
        self.settings = part.settings if own else {}
        self.__name__ = part.name

    def __call__(self, *, mode: Sequence[str], **columns: Any) -> list[float | None]:
        """One value a completion."""
        values = self.reward(mode=mode, **columns, **self.settings)
        return [value if one in self.modes else None for value, one in zip(values, mode, strict=True)]
