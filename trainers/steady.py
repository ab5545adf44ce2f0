"""Training that stops rather than spoils: no step on a loss that is not a number, no checkpoint that is not whole."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from tasks.errors import InputError
from trainers.examples import Examples

WHOLE = "whole.json"
"""Written last into a checkpoint; a folder without it is the rest of an interrupted save."""


class Steady:
    """Mixed into a `transformers.Trainer`, before it."""

    examples: Examples

    def replaced(self) -> dict[str, tuple[str, str]]:
        """What stood in for samples that could not be read, in all processes: each meets those of its own rows."""
        return {key: value for part in gather_object([self.examples.replaced]) for key, value in part.items()}

    def training_step(self, *arguments: Any, **options: Any) -> torch.Tensor:
        """One micro-step. Raises InputError if its loss is not finite."""
        loss: torch.Tensor = super().training_step(*arguments, **options)  # type: ignore[misc]
        if not torch.isfinite(loss):
            raise self._stop(f"a loss of {loss.item()}")
        return loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save, or leave nothing. Raises InputError if a weight is not finite, OSError if there is no room."""
        state, args = self.state, self.args  # type: ignore[attr-defined]
        for name, weight in model.named_parameters():
            # Under ZeRO-3 a weight is empty, and the part of it that this process holds hangs on it.
            if not torch.isfinite(getattr(weight, "ds_tensor", weight)).all():
                raise self._stop(f"weight {name} is not finite")
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.accelerator.wait_for_everyone()  # type: ignore[attr-defined]
        record = {"step": state.global_step, "replaced": self.replaced()}
        if args.should_save:
            (folder / WHOLE).write_text(json.dumps(record) + "\n", encoding="utf-8")

    def _stop(self, found: str) -> InputError:
        state, args = self.state, self.args  # type: ignore[attr-defined]
        last = last_checkpoint(Path(args.output_dir))
        kept = f"the last good checkpoint is {last}" if last else "no checkpoint had been saved"
        return InputError(
            "a finite loss and finite weights",
            f"{found} at step {state.global_step + 1}; {kept}",
            f"a lower learning rate than {args.learning_rate:g}: --set learning_rate={args.learning_rate / 10:g} --output OTHER",
        )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint below a folder."""
    found = [path.parent for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{WHOLE}")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
