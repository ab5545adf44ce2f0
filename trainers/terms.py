"""The terms of a recipe's reward, as the trainer calls them."""

from collections.abc import Mapping, Sequence

from tasks.errors import InputError
from tasks.protocol import Protocol
from trainers.recipe import RewardPart
from trainers.rewards import RecipeReward


def terms(parts: Sequence[RewardPart], protocols: Mapping[str, Protocol], modes: Sequence[str]) -> list[RecipeReward]:
    """The rewards of a recipe for rows of these protocols in these modes, one for each of its terms.

    Raises:
        InputError: A term is no reward or cannot score a protocol for which it counts, or no term counts for some rows.
    """
    for protocol in protocols.values():
        for mode in dict.fromkeys(modes):
            if not any(part.counts(protocol.kind, mode) for part in parts):
                expected = f"a reward for rows of {protocol.name} ({protocol.kind}, {mode})"
                found = "; ".join(f"{part.name} in {', '.join(part.modes)} of {', '.join(part.kinds) or 'all'}" for part in parts)
                raise InputError(expected, found or "none", "rewards, their modes and their kinds in the recipe")
    return [RecipeReward(part.name, protocols, part.modes, part.settings, part.kinds) for part in parts]
