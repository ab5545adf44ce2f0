"""Training that stops rather than spoils: no step on a loss that is not a number, no checkpoint that is not whole."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from tasks.errors import InputError, quoted
from trainers.examples import Examples

WHOLE = "whole.json"  # Written last into a checkpoint; a folder without it is the rest of an interrupted save


class SafeCheckpoints:
    """Mixed into a trainer of examples, before it."""

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
        record: dict[str, Any] = {"step": state.global_step, "replaced": self.replaced()}
        if args.should_save:
            record["bytes"] = {str(path.relative_to(folder)): path.stat().st_size for path in _files(folder)}
            (folder / WHOLE).write_text(json.dumps(record) + "\n", encoding="utf-8")

    def _load_from_checkpoint(self, checkpoint: str, *rest: Any, **options: Any) -> None:
        """Weights. Raises InputError where they are damaged."""
        with _read(Path(checkpoint)):
            super()._load_from_checkpoint(checkpoint, *rest, **options)  # type: ignore[misc]

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Raises InputError where they are damaged."""
        with _read(Path(checkpoint or "")):
            super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """States of the random generators. Raises InputError where they are damaged."""
        with _read(Path(checkpoint or "")):
            super()._load_rng_state(checkpoint)  # type: ignore[misc]

    def _stop(self, found: str) -> InputError:
        state, args = self.state, self.args  # type: ignore[attr-defined]
        last = last_checkpoint(Path(args.output_dir))
        kept = f"the last good checkpoint is {last}" if last else "no checkpoint had been saved"
        return InputError(
            "a finite loss and finite weights",
            f"{found} at step {state.global_step + 1}; {kept}",
            f"a lower learning rate than {args.learning_rate:g}: --set learning_rate={args.learning_rate / 10:g} --output OTHER",
        )


@contextmanager
def _read(folder: Path, name: str = "") -> Iterator[None]:
    """Whatever an exchanged or damaged file (`name`, where it is known) makes its reader raise, as InputError."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise _damaged(folder, f"{name}: {found}" if name else found) from error


def check_whole(folder: Path) -> dict[str, Any]:
    """Refuse a checkpoint with a file that is missing, cut, altered or no JSON; transformers starts afresh without a word where
    the optimizer is missing. Content of `whole.json`.

    Raises:
        InputError: As above; it names the file.
    """
    record = _json(folder, folder / WHOLE)
    if not isinstance(record.get("replaced"), dict) or not isinstance(record.get("bytes", {}), dict):
        raise _damaged(folder, f"{WHOLE}: {record}")
    for name, size in record.get("bytes", {}).items():
        found = (folder / name).stat().st_size if (folder / name).is_file() else None
        if found != size:
            raise _damaged(folder, f"{name}: {'missing' if found is None else f'{found:,} bytes'} instead of {size:,} bytes")
    for path in _files(folder):
        if path.suffix == ".json":
            _json(folder, path)
        elif path.suffix in (".pt", ".pth"):
            # What `torch.save` writes is a zip with a checksum of each part.
            with _read(folder, path.name), zipfile.ZipFile(path) as archive:
                if (part := archive.testzip()) is not None:
                    raise ValueError(f"the checksum of {part} is wrong")
    return record


def _json(folder: Path, path: Path) -> dict[str, Any]:
    with _read(folder, path.name):
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError(type(values).__name__)
    return values


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != WHOLE)


def _damaged(folder: Path, found: str) -> InputError:
    step = f"rm -r {quoted(folder)}; the same command then continues from the checkpoint before, or from the start"
    return InputError(f"the checkpoint {folder} as it was saved", found, step)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint below a folder."""
    found = [path.parent for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{WHOLE}")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
