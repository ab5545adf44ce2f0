"""What can be known of a training before anything is loaded."""

import logging
from collections.abc import Mapping, Sequence

from tasks.errors import InputError
from tasks.protocol import Protocol
from trainers.methods.configs import adapters, arguments
from trainers.recipe import RewardPart
from trainers.rewards import RecipeReward
from trainers.training import Training

logger = logging.getLogger(__name__)


def check(training: Training, alone: bool = False) -> None:
    """Refuse a recipe whose arguments, adapters or rewards cannot be used on these splits.

    Args:
        training: What is to be trained.
        alone: Whether other processes of a launch do not come here.

    Raises:
        InputError: An argument has no effect, a reward does not exist or cannot score a split, or nothing scores it.
    """
    recipe = training.recipe
    arguments(training, alone)
    adapters(recipe)
    protocols = {rules.name: rules for rules in training.protocols}
    if len(protocols) < len(training.protocols):
        raise InputError(
            "protocols with different names", ", ".join(rules.name for rules in training.protocols), "rename one of them"
        )
    if recipe.method == "grpo":
        terms(recipe.rewards, protocols, recipe.epochs)
    if len(training.kinds) > 1 and recipe.trainer.get("scale_rewards") in ("none", False):
        logger.warning("scale_rewards=none: kinds whose rewards have a larger range have larger advantages")


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
