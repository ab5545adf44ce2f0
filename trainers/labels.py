"""Labels of an experiment: names of folders, and of rows of a table."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.checked import Place

BASE = "base"  # Label of the model before training
SEED = "{seed}"  # In `train`: the seed of each training
LONGEST = 60
"""Characters of a mix that can be the name of a folder."""


def short(mix: str) -> str:
    """A mix as the name of a folder, without the folders of own data; a hash tells these apart."""
    if "/" in mix:
        names = ",".join(part.rpartition("/")[2] for part in mix.split(","))
        return f"{short(names)}-{hashlib.sha256(mix.encode()).hexdigest()[:8]}"
    text = mix.replace(SEED, "N").replace(" ", "").replace(",", "+").replace(":", "x")
    first, plus, others = text.partition("+")
    if len(text) <= LONGEST or not plus:
        return text
    return f"{first}+{others.count('+') + 1}-{hashlib.sha256(mix.encode()).hexdigest()[:8]}"


def check(key: str, labels: Sequence[str] | Mapping[str, Any], taken: Sequence[str], place: Place) -> None:
    """Labels are names of folders, also where letters of both cases are one, and of rows of a table."""
    folders: dict[str, str] = {}
    for label in labels:
        if not label.strip(". ") or not label.isprintable() or len(label.encode()) > 200 or label != label.strip():
            raise place.refuse(f"labels of {key} that can be names of folders", repr(label[:80]))
        if label in taken:
            raise place.refuse(f"labels other than {BASE}, the model before training, and names of baselines", label)
        if (other := folders.setdefault(folder_name(label).casefold(), label)) != label:
            raise place.refuse(f"labels of {key} that are different folders", f"{other} and {label}")


def folder_name(label: str) -> str:
    """A label as the name of one folder."""
    return label.replace("/", "_")
