"""python -m trainers.base FOLDER [--weak] [--kinds all] [--family qwen2_5_vl]"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from tasks.errors import InputError
from trainers.base.curriculum import STAGES
from trainers.base.model import FAMILIES
from trainers.base.train import WEAK_COOLDOWN, WEAK_STEPS, Settings, build


def main(arguments: list[str] | None = None) -> int:
    """Command line: train one base, or continue."""
    parser = argparse.ArgumentParser(prog="python -m trainers.base", description="Train a tiny checkpoint that grounds.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weak", action="store_true", help="stop soon after the last stage has begun")
    parser.add_argument("--kinds", choices=STAGES, default="moment", help="the kinds of question it learns")
    parser.add_argument("--family", choices=FAMILIES, default=FAMILIES[0])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    # Matrices this small gain nothing from threads, and one thread adds up in the same order every time.
    torch.set_num_threads(1)
    settings = Settings(family=options.family, seed=options.seed, kinds=options.kinds)
    if options.weak:
        settings = replace(settings, steps=WEAK_STEPS, cooldown=WEAK_COOLDOWN[options.kinds])
    try:
        build(options.folder, settings, _report)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{options.folder}\n")
    return 0


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
