"""PEFT adapters: a folder of changes to a base model, found together with it, checked and identified before anything loads."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.models import checkpoint
from harness.models.checkpoint import ADAPTER, Checkpoint, Located, read_json
from tasks.errors import InputError

WEIGHTS, PICKLE = "adapter_model.safetensors", "adapter_model.bin"
BESIDE = "non_lora_trainables.bin"
"""Weights that trainers in the manner of LLaVA train in full and keep beside an adapter; PEFT does not read them."""

BASE, REVISION = "base_model_name_or_path", "revision"
PLACES = (BASE, REVISION, "inference_mode", "peft_version", "auto_mapping")
"""Settings that say where an adapter comes from, not what it does."""

_CHANGES_ITS_BASE = re.compile(r"pissa|olora|corda|loftq|lora_ga|eva_", re.IGNORECASE)
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def find(model: str, trust_remote_code: bool = False) -> Checkpoint:
    """As `checkpoint.find`, and where there is a PEFT adapter, the adapter with its base model.

    Raises:
        InputError: As there; the base is not found or is an adapter itself, weights are pickles, or lie beside those of the
            adapter, or the base is not the one that the adapter was trained on, where this project trained it.
    """
    located = checkpoint.locate(model, trust_remote_code)
    if not (located.folder / ADAPTER).is_file():
        return Checkpoint(located.name, located.folder, checkpoint.check(located.folder, trust_remote_code), located.revision)
    checkpoint.check_files(located.folder, trust_remote_code)
    settings = settings_of(located.folder)
    check_weights(located.folder)
    base = _base(located, settings, trust_remote_code)
    family = checkpoint.check(base.folder, trust_remote_code)
    found = Checkpoint(base.name, base.folder, family, base.revision)
    _check_trained_from(located.folder, found)
    return Checkpoint(located.name, located.folder, family, located.revision, found)


def settings_of(folder: Path) -> dict[str, Any]:
    """The content of `adapter_config.json`. Raises InputError where it names no base, or cannot be put on one afterwards."""
    settings, place = read_json(folder / ADAPTER), folder / ADAPTER
    if not isinstance(named := settings.get(BASE), str) or not named:
        raise InputError(f"{BASE}: the model that the adapter changes", f"{place}: {named!r}", f"edit {place}")
    if not isinstance(revision := settings.get(REVISION), str | None):
        raise InputError(f"{REVISION}: a commit or branch of the base model", f"{place}: {revision!r}", f"edit {place}")
    if not isinstance(kind := settings.get("peft_type"), str):
        raise InputError("peft_type: the kind of the adapter", f"{place}: {kind!r}", f"edit {place}")
    if isinstance(start := settings.get("init_lora_weights"), str) and _CHANGES_ITS_BASE.match(start):
        step = "merge the adapter with the code of its training, and name the folder of the merged model"
        raise InputError(
            "an adapter of a base model as it is published", f"an adapter whose start, {start}, changed the base", step
        )
    return settings


def check_weights(folder: Path) -> None:
    """Refuse weights that are pickles, missing, or not the adapter's alone. Raises InputError."""
    others = sorted(path.name for path in folder.glob("*.safetensors") if path.name != WEIGHTS)
    others += [BESIDE] if (folder / BESIDE).exists() else []
    if others:
        step = f"merge the adapter with the code of its training, or move files that belong elsewhere out of {folder}"
        raise InputError(f"an adapter whose weights all lie in {WEIGHTS}", f"{', '.join(others)} beside it", step)
    if not (folder / WEIGHTS).is_file() and (folder / PICKLE).exists():
        code = f"save_file(torch.load('{folder / PICKLE}', weights_only=True), '{folder / WEIGHTS}')"
        step = f'python -c "import torch; from safetensors.torch import save_file; {code}"'
        raise InputError("safetensors weights only: a pickle can run code when it is loaded", PICKLE, step)
    checkpoint.shapes(folder)


def identity(found: Checkpoint) -> str:
    """SHA-256 that tells two models apart: `checkpoint.fingerprint`, over base, adapter and its settings where there are two."""
    if found.base is None:
        return checkpoint.fingerprint(found.folder)
    parts = [checkpoint.fingerprint(found.base.folder), *_adapter(found.folder)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def described(found: Checkpoint) -> dict[str, Any]:
    """What `run.json` tells of an adapter and its base; nothing of other checkpoints."""
    if found.base is None:
        return {}
    settings, base = read_json(found.folder / ADAPTER), found.base
    weights, hashed = _adapter(found.folder)
    own = processor_folder(found) == found.folder
    return {
        "base": {"name": base.name, "revision": base.revision, "fingerprint": checkpoint.fingerprint(base.folder)},
        "adapter": {
            "type": str(settings["peft_type"]),
            **({"rank": settings["r"]} if isinstance(settings.get("r"), int) else {}),
            "fingerprint": weights,
            "settings_sha256": hashed,
            "applied": "merged into the base model's weights in float32",
            "processor": "the adapter's own" if own else "the base model's",
        },
    }


def weights_folder(found: Checkpoint) -> Path:
    """Where configuration and weights of the model lie: of the base, where there is one."""
    return found.folder if found.base is None else found.base.folder


def processor_folder(found: Checkpoint) -> Path:
    """Where the processor lies: beside an adapter if all of it was saved there, as trainers do, otherwise with its base."""
    there = (found.folder / "tokenizer_config.json").is_file() and any(
        (found.folder / name).is_file() for name in ("processor_config.json", "preprocessor_config.json")
    )
    return found.folder if found.base is None or there else found.base.folder


def _adapter(folder: Path) -> tuple[str, str]:
    """Hashes of the weights of an adapter, and of the settings that say what they do."""
    settings = {key: value for key, value in read_json(folder / ADAPTER).items() if key not in PLACES}
    return checkpoint.fingerprint(folder), hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _base(adapter: Located, settings: Mapping[str, Any], trust_remote_code: bool) -> Located:
    """The folder of the base model that an adapter names. Raises InputError with where to put another name."""
    named, place = settings[BASE], adapter.folder / ADAPTER
    expected, step = f"the base model of the adapter {adapter.name}", f"put where that model is behind {BASE} in {place}"
    if not Path(named).expanduser().is_dir() and not _HUB_ID.fullmatch(named):
        raise InputError(expected, f"no folder {named}", step)
    try:
        base = checkpoint.locate(named, trust_remote_code, settings.get(REVISION))
    except InputError as error:
        raise InputError(f"{expected}: {error.expected}", error.found, step) from error
    if (base.folder / ADAPTER).is_file():
        raise InputError(
            f"{expected}, with all weights of its own", f"{named}: an adapter too", "call merge_and_unload() on that adapter"
        )
    return base


def _check_trained_from(folder: Path, base: Checkpoint) -> None:
    """Refuse another base than an adapter was trained on, where this project trained it. Raises InputError."""
    if (place := checkpoint.record_of(folder)) is None:
        return
    trained_from = read_json(place).get("base")
    wanted = trained_from.get("fingerprint") if isinstance(trained_from, dict) else None
    if wanted is not None and wanted != (found := checkpoint.fingerprint(base.folder)):
        step = f"put where that model is behind {BASE} in {folder / ADAPTER}"
        raise InputError(f"the base model of fingerprint {wanted[:8]}, as {place} tells", f"{base.name}: {found[:8]}", step)
