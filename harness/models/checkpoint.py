"""A checkpoint on disk: found, checked before anything loads it, and identified by its weights."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.models import families, foreign, hub
from harness.models.naming import HUB_ID, local
from tasks.errors import InputError, quoted

FAMILIES = tuple(name for family in families.every() if family.exact for name in family.types)
"""Values of `model_type` whose ids and positions are built here: these can be trained, others evaluated."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
READ = (
    "config.json", "generation_config.json", "processor_config.json", "preprocessor_config.json", "chat_template.json",
    "video_preprocessor_config.json", "tokenizer_config.json", "tokenizer.json",
)  # fmt: skip
"""Files that transformers reads where they are there; of some it says nothing where they are damaged."""

RECORD = "train.json"
"""What this project writes into the folder of a model it has trained."""

CHECKPOINTS = "checkpoints"
"""The folder in it of what a training saves on its way."""

ADAPTER = "adapter_config.json"
"""What PEFT writes beside the weights of an adapter."""

LFS = b"version "
"""How a file begins that stands for a large one in a repository."""

BLOCK = 1 << 20
BLOCKS = 16


class Checkpoint(NamedTuple):
    """A folder that passed the checks, named by its hub id or as `naming.local` calls it; `revision` is None for a folder.

    `base` is the checkpoint that a PEFT adapter in the folder changes, see `harness.models.adapters`.
    """

    name: str
    folder: Path
    family: str
    revision: str | None
    base: "Checkpoint | None" = None


class Located(NamedTuple):
    """A folder whose files are not checked yet, with its name and revision as in `Checkpoint`."""

    name: str
    folder: Path
    revision: str | None


def find(model: str, trust_remote_code: bool = False) -> Checkpoint:
    """Resolve a folder or a hub id and check it, without loading weights. Raises InputError, also for weights in pickles."""
    name, folder, revision = locate(model, trust_remote_code)
    return Checkpoint(name, folder, check(folder, trust_remote_code), revision)


def locate(model: str, trust_remote_code: bool = False, revision: str | None = None) -> Located:
    """A folder on disk, or that of a hub id (at a revision). Raises InputError where there is neither."""
    if (folder := Path(model).expanduser()).is_dir():
        return Located(local(model), folder, None)
    if folder.is_file():
        raise InputError("the folder of a checkpoint", f"{model}: a file", f"--model {quoted(folder.parent)}")
    if not HUB_ID.fullmatch(model):
        found = f"{model}: no folder, and no owner/name either"
        raise InputError(hub.NOWHERE, found, "name a folder with config.json and *.safetensors, or owner/name of the hub")
    folder = hub.download(model, [*hub.TEXTS, *(hub.CODE if trust_remote_code else ())], revision)
    if (folder / "config.json").is_file():
        # Before weights are downloaded that cannot be used.
        family_of(folder, trust_remote_code)
    hub.download(model, hub.WEIGHTS, folder.name)
    return Located(model, folder, folder.name)


def to_train(model: str) -> Checkpoint:
    """As `find`, for a training. Raises InputError as that does, and for a family that is evaluated only."""
    found = find(model)
    if found.family not in FAMILIES:
        title = families.of(found.family).title
        step = f"harness run --model {quoted(model)}: {title} can be evaluated"
        raise InputError(f"a model to train of one of the families {', '.join(FAMILIES)}", f"model_type {found.family}", step)
    return found


def check(folder: Path, trust_remote_code: bool = False) -> str:
    """The family of a checkpoint folder whose files are complete. Raises InputError, as `find`."""
    check_whole(folder)
    foreign.refuse_form(folder)
    family, stored = family_of(folder, trust_remote_code), shapes(folder)
    if not any((folder / name).is_file() for name in (INDEX, WHOLE)):
        step = f"copy {INDEX} of the original model into {folder}"
        raise InputError(f"{WHOLE}, or {INDEX} beside its parts", ", ".join(sorted(p.name for p in weights(folder))), step)
    if families.of(family).exact:
        check_layers(read_json(folder / "config.json"), stored, folder)
    return family


def family_of(folder: Path, trust_remote_code: bool = False) -> str:
    """The family that config.json in a folder tells, if it can be used here. Raises InputError, as `find`."""
    config = folder / "config.json"
    if not config.is_file():
        raise InputError("a checkpoint folder with config.json", f"no config.json in {folder}", f"ls {quoted(folder)}")
    check_files(folder, trust_remote_code)
    family = foreign.family_of(read_json(config), config)
    if error := families.too_old(families.of(family)):
        raise error
    return family


def check_whole(folder: Path) -> None:
    """Refuse a PEFT adapter, of which transformers would load the base model as well. Raises InputError."""
    if (folder / ADAPTER).is_file():
        step = "merge_and_unload() it into its base model and save_pretrained(); harness run --backend hf takes it as it is"
        raise InputError("a checkpoint with all weights of its own", f"{folder}: a PEFT adapter", step)


def check_files(folder: Path, trust_remote_code: bool = False) -> None:
    """Refuse files that are no JSON, and code of the checkpoint's own that may not run. Raises InputError.

    transformers itself takes the family's own class where such code may not run: another prompt, without a word, and in
    TimeLens-7B another clock.
    """
    for name in READ:
        if not (folder / name).exists() or not (code := remote_code(read_json(folder / name))):
            continue
        found = f"{folder / name}: auto_map names {', '.join(code)}"
        if not trust_remote_code:
            expected = "a checkpoint whose prompt, frames and clock come from transformers, not from code of its own"
            step = f"read the code in {folder}; if you trust it, --trust-remote-code runs it"
            raise InputError(expected, f"{found}; without that code the model would be told something else", step)
        if elsewhere := [one for one in code if "--" in one]:
            step = f"copy that code into {folder}, and name it in auto_map without {elsewhere[0].partition('--')[0]}--"
            raise InputError("code that lies in the checkpoint, not in a repository that can change any day", found, step)


def remote_code(values: Any) -> list[str]:
    """The classes that an `auto_map` names, anywhere in a JSON value: `module.Class`, or `owner/name--module.Class`."""
    if isinstance(values, list):
        return [name for value in values for name in remote_code(value)]
    if not isinstance(values, dict):
        return []
    named = values.get("auto_map")
    entries = list(named.values()) if isinstance(named, dict) else [named]
    flat = [name for entry in entries for name in (entry if isinstance(entry, list) else [entry])]
    here = [str(name) for name in flat if name]
    return [*here, *(name for key, value in values.items() if key != "auto_map" for name in remote_code(value))]


def weights(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint, sorted by name. Raises InputError if they are missing, pickles or incomplete."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        if pickles:
            code = f"AutoModelForImageTextToText.from_pretrained('{folder}').save_pretrained('{folder}-safetensors')"
            step = f'if you trust its source: python -c "from transformers import AutoModelForImageTextToText; {code}"'
            raise InputError("safetensors weights only: a pickle can run code when it is loaded", ", ".join(pickles), step)
        raise InputError("safetensors weights", f"no *.safetensors in {folder}", f"ls {quoted(folder)}")
    if (folder / INDEX).is_file():
        listed = read_json(folder / INDEX).get("weight_map")
        if not isinstance(listed, dict):
            raise InputError(f"a weight_map in {INDEX}", f"{type(listed).__name__} in {folder}", f"head {folder / INDEX}")
        named = {str(name) for name in listed.values()}
        missing = sorted(named - {path.name for path in files})
        if missing or not named:
            step = f"copy or download what is missing into {folder}"
            raise InputError(f"every file named in {INDEX}", f"missing: {', '.join(missing) or 'all'}", step)
    return files


def shapes(folder: Path) -> dict[str, list[int]]:
    """Shape of every stored weight by name, from the headers of the files. Raises InputError where one cannot be read."""
    found: dict[str, list[int]] = {}
    for path in weights(folder):
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                begin = file.read(8)
                if begin == LFS:
                    raise ValueError("a pointer of Git LFS, not the file, which git lfs pull gets")
                length = int.from_bytes(begin, "little")
                if 8 + length > size:
                    raise ValueError(f"header of {length} bytes in {size}")
                header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
            if end != size:
                raise ValueError(f"{size:,} bytes, its header tells of {end:,}")
            found |= {name: [int(side) for side in entry["shape"]] for name, entry in header.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise InputError("a safetensors file", f"{path.name}: {error}", f"ls -l {quoted(folder)}") from error
    return found


LAYERS = (
    ("text_config", "num_hidden_layers", re.compile(r"\blayers\.(\d+)\.")),
    ("vision_config", "depth", re.compile(r"\bvisual\.blocks\.(\d+)\.")),
)
"""Table of the configuration, its key, and how the weights of a layer are named."""


def check_layers(config: Mapping[str, Any], stored: Iterable[str], folder: Path) -> None:
    """Refuse other numbers of layers than are stored: transformers makes up more, and leaves out the rest. Raises InputError."""
    names = list(stored)
    for table, key, pattern in LAYERS:
        settings = config.get(table)
        asked = (settings if isinstance(settings, dict) else config).get(key)
        there = len({match[1] for name in names if (match := pattern.search(name))})
        if isinstance(asked, int) and asked != there:
            step = f"look at config.json in {folder}"
            raise InputError(f"{key} of {there}, as many as layers are stored", f"{asked:,} in {table}", step)


def fingerprint(folder: Path) -> str:
    """SHA-256 over name, size, header and 16 evenly spaced 1 MiB blocks of each safetensors file.

    Files up to 16 MiB are covered whole; a change of a few values in a larger file can go unnoticed. Raises InputError where
    weights are missing, or a header is longer than its file.
    """
    digest = hashlib.sha256()
    for path in weights(folder):
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if 8 + length > size:
                raise InputError("a safetensors file", f"{path.name}: header of {length} in {size}", f"ls -l {quoted(folder)}")
            blocks = [(index * (size - BLOCK) // (BLOCKS - 1), BLOCK) for index in range(BLOCKS)]
            for start, count in [(0, 8 + length), *(blocks if size > BLOCKS * BLOCK else [(0, size)])]:
                file.seek(start)
                digest.update(file.read(count))
    return digest.hexdigest()


def trained_on(folder: Path) -> dict[str, Any] | None:
    """Which split the model in a folder was trained on, and how; None where this project did not train it. Raises InputError.

    Trainings that differ in their seed alone have one `training_sha256`; a checkpoint that a training saved on its way has a
    `step`, and another hash at each.
    """
    if (place := record_of(folder)) is None:
        return None
    record, step = read_json(place), None if place.parent == folder.resolve() else folder.resolve().name.rpartition("-")[2]
    try:
        found, spec = record["trained_on"], record["spec"]
        parts = [{**spec, "seed": None}, record["base"]["fingerprint"], *([] if step is None else [int(step)])]
        return {
            **{key: found[key] for key in ("split", "split_sha256", "used_sha256", "samples")},
            "recipe": spec["recipe"]["name"],
            "seed": spec["seed"],
            "seconds": round(sum(session.get("seconds", 0.0) for session in record["sessions"]), 2),
            "training_sha256": hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(),
            **({} if step is None else {"step": int(step)}),
        }
    except (KeyError, TypeError) as error:
        expected, found = f"a {RECORD} with what the model was trained on", f"{place}: {error!r}"
        raise InputError(expected, found, "remove the file if another project wrote the file") from error


def taught(folder: Path) -> list[tuple[str, str, list[str]]]:
    """Name, hash and modes of each protocol that a model was trained under; none where this project did not train it."""
    if (place := record_of(folder)) is None:
        return []
    spec = read_json(place).get("spec", {})
    parts = [part for part in spec.get("mix", [spec]) if "protocol" in part]
    return [(part["protocol"]["name"], part["protocol"]["sha256"], part["modes"]) for part in parts]


def record_of(folder: Path) -> Path | None:
    """Where this project tells of the training of a model: in its folder, or of `OUTPUT/checkpoints/checkpoint-50` in OUTPUT."""
    place = folder.resolve()
    saved = place.parent.name == CHECKPOINTS and re.fullmatch(r"checkpoint-\d+", place.name)
    places = [place / RECORD, *([place.parents[1] / RECORD] if saved else [])]
    return next((path for path in places if path.is_file()), None)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises InputError where a file holds something else, or cannot be read."""
    try:
        if isinstance(values := json.loads(path.read_text(encoding="utf-8")), dict):
            return values
        raise ValueError(type(values).__name__)
    except (ValueError, OSError, RecursionError) as error:
        raise InputError("a JSON object", f"{path}: {error}", f"head {path}") from error
