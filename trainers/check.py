"""What can be known of a training before anything is loaded."""

import logging

from tasks.errors import InputError
from trainers.methods.callbacks import trackers
from trainers.methods.configs import adapters, arguments
from trainers.methods.dev_evaluation import dev_questions
from trainers.preflight import check_launch
from trainers.terms import terms
from trainers.training import Training

logger = logging.getLogger(__name__)


def check(training: Training, alone: bool = False) -> None:
    """Refuse a recipe whose arguments, adapters or rewards cannot be used on these splits, or under this launch.

    Args:
        training: What is to be trained.
        alone: Whether other processes of a launch do not come here.

    Raises:
        InputError: An argument has no effect, a reward does not exist or cannot score a split, or nothing scores it.
    """
    recipe = training.recipe
    check_launch(training)
    arguments(training, alone)
    trackers(recipe.trainer.get("report_to"))
    if training.dev_every:
        dev_questions(training)
    adapters(recipe)
    protocols = {rules.name: rules for rules in training.protocols}
    if len(protocols) < len(training.protocols):
        raise InputError(
            "protocols with different names", ", ".join(rules.name for rules in training.protocols), "rename one protocol"
        )
    if recipe.method == "grpo":
        terms(recipe.rewards, protocols, recipe.epochs)
    if len(training.kinds) > 1 and recipe.trainer.get("scale_rewards") in ("none", False):
        logger.warning("scale_rewards=none: kinds whose rewards have a larger range have larger advantages")
