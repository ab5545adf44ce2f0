"""Trackers (TensorBoard, W&B, trackio …) that may fail: a dashboard that cannot be reached stops no training."""

import logging
from typing import Any

from transformers import TrainerCallback
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from tasks.errors import InputError

logger = logging.getLogger(__name__)


class Forgiving(TrainerCallback):
    """Passes events on to a tracker until it raises, then goes on without it.

    Args:
        name: Name of the tracker.
        tracker: Its callback.
    """

    def __init__(self, name: str, tracker: TrainerCallback) -> None:
        self.name = name
        self.tracker: TrainerCallback | None = tracker

    def _pass_on(self, event: str, *arguments: Any, **keywords: Any) -> None:
        if self.tracker is None:
            return
        try:
            getattr(self.tracker, event)(*arguments, **keywords)
        except Exception as error:  # noqa: BLE001 - whatever a tracker raises, log.jsonl has the figures
            logger.warning("%s is given up, training goes on: %s: %s", self.name, type(error).__name__, error)
            self.tracker = None

    def on_train_begin(self, *arguments: Any, **keywords: Any) -> None:
        """Pass on."""
        self._pass_on("on_train_begin", *arguments, **keywords)

    def on_log(self, *arguments: Any, **keywords: Any) -> None:
        """Pass on."""
        self._pass_on("on_log", *arguments, **keywords)

    def on_save(self, *arguments: Any, **keywords: Any) -> None:
        """Pass on."""
        self._pass_on("on_save", *arguments, **keywords)

    def on_train_end(self, *arguments: Any, **keywords: Any) -> None:
        """Pass on."""
        self._pass_on("on_train_end", *arguments, **keywords)


def trackers(report_to: Any) -> list[TrainerCallback]:
    """Trackers by the names of transformers' `report_to`.

    Raises:
        InputError: There is no such tracker, or its package is not installed: known before training starts.
    """
    names = [report_to] if isinstance(report_to, str) else list(report_to or ())
    made: list[TrainerCallback] = []
    for name in names:
        if name == "none":
            continue
        try:
            (kind,) = get_reporting_integration_callbacks([name])
            made.append(Forgiving(name, kind()))
        except (ValueError, KeyError, RuntimeError, ImportError) as error:
            raise InputError(
                "a tracker that is installed", f"{name}: {error}", f"pip install {name}, or --set report_to=none"
            ) from error
    return made
