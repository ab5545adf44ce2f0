"""`harness new`."""

import re
import sys
from argparse import Namespace
from importlib import resources
from pathlib import Path

from harness.output import write
from tasks.errors import InputError, quoted

PLACE, ENDING = "NAME", ".txt"
WHATS = ("task", "protocol", "kind", "model", "reward", "recipe")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def main(options: Namespace) -> int:
    """Write a small working example of one's own with its test; no file is written over."""
    if not _NAME.fullmatch(options.name):
        step = f"harness new {options.what} my_{options.what}"
        raise InputError("a name of small letters, digits and underscores", repr(options.name), step)
    folder = Path(options.to or options.name)
    examples = resources.files("harness") / "examples" / options.what
    texts = {
        folder / file.name.removesuffix(ENDING).replace(PLACE, options.name): file.read_text(encoding="utf-8")
        for file in examples.iterdir()
    }
    for path in texts:
        if path.exists():
            raise InputError("a folder without these files", f"{path} is there", f"harness new {options.what} NAME --to DIR")
    for path, text in sorted(texts.items()):
        write(path, text.replace(PLACE, options.name).encode())
        sys.stdout.write(f"{path}\n")
    use = f"--include {quoted(folder)} with any command"
    if options.what == "model":
        use = f"--model {quoted(folder / f'{options.name}.py:Model')}"
    sys.stdout.write(f"next:  python -m pytest {quoted(folder)} (pip install pytest), then {use}\n")
    return 0
