"""The loss of a group by layout (`trainers.methods.packed`) as replies grow: time, memory, and that all layouts are one loss.

    python tests/benchmarks/loss_by_layout.py [--write]

Log-probabilities of 8 replies to a prompt of 1,000 tokens, and their gradients, float32 on one thread, in text towers of about
20 M parameters. `repeated` is TRL's own code on a batch in which each reply has its own prompt and video. The constants of
`packed.cheapest` are from here. Each pass whose memory is measured has a process of its own.
"""

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import training_passes as passes
from ratios import arguments, seconds, show, table

from harness.models import tiny
from trainers.methods import packed

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
WAYS = ("branches", "mask", "repeated")
REPLIES, PROMPT, GROUP = (20, 100, 400, 1_000), 1_000, 8
SAME, DEARER = 1e-5, 1.1
TEXT = """A cell says how many times as long the loss of {} replies to {:,} tokens takes as in one row without a mask. TRL's
own code repeats the prompt for each reply; the other layout has a mask over pairs of tokens. The layout in
brackets is the one that a training chooses.
The largest difference of a log-probability from TRL's is {:.0e}, and of a gradient {:.0e} of the largest.

{}"""
MEMORY = """

Peak memory is counted above that of the loaded model ({}, {:,} tokens a reply). A mask takes {:.2f} times the memory of a row
without one, and the repeated prompt {:.2f} times."""


class Cell(NamedTuple):
    """What one family needs at one length of reply."""

    seconds: dict[str, float]  # By layout
    chosen: str  # The layout that a training takes
    away: float  # Largest difference of a log-probability from that of the repeated prompt
    gradient: float  # Largest difference of a gradient, relative to the largest


def cell(trainer: Any, prompt: Any, tokens: int) -> Cell:
    """The passes of one length of reply, the first of each to compare them and to warm up."""
    run, found, made = partial(passes.loss_pass, trainer, prompt, GROUP, new_tokens=tokens), {}, {}
    for way in WAYS:
        found[way] = run(way)
        made[way] = torch.cat([weight.grad.flatten() for weight in trainer.model.parameters() if weight.grad is not None])
    largest = made["repeated"].abs().max()
    away = max((found[way] - found["repeated"]).abs().max().item() for way in WAYS)
    gradient = max(((made[way] - made["repeated"]).abs().max() / largest).item() for way in WAYS)
    taken = seconds({way: partial(run, way) for way in WAYS}, 2 if tokens <= 100 else 0)
    lengths = [[len(prompt.row.ids) - 1, *[tokens + 1] * GROUP]]
    return Cell(taken, packed.cheapest(lengths, trainer.layouts, trainer.prices), away, gradient)


def peak(checkpoint: Path, way: str) -> int:
    """Bytes of one pass over the longest replies at most, above those of the loaded model."""
    script = Path(__file__).with_name("training_passes.py")
    options = ["--prompt", str(PROMPT), "--tokens", str(REPLIES[-1])]
    command = [sys.executable, str(script), str(checkpoint), "loss", way, *options]
    return int(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["peak_bytes"])


def slow(found: dict[tuple[int, str], Cell], memory: dict[str, int]) -> list[str]:
    """Where one row without a mask costs more than it should, or what a training takes is not the fastest."""
    said = [f"memory: {memory}"] if memory and memory["branches"] > min(memory.values()) else []
    for key, one in found.items():
        if one.seconds["branches"] >= one.seconds["repeated"]:
            said.append(f"{key}: {one}")
        if one.seconds[one.chosen] > DEARER * min(one.seconds.values()):
            said.append(f"{key}: {one.chosen} is not the fastest of {one.seconds}")
    return said


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    torch.set_num_threads(1)
    replies, prompt_tokens, families = ((4, 8), 50, FAMILIES[:1]) if options.tiny else (REPLIES, PROMPT, FAMILIES)
    found: dict[tuple[int, str], Cell] = {}
    memory: dict[str, int] = {}
    for family in families:
        with tempfile.TemporaryDirectory() as name:
            folder = tiny.build(Path(name) / family, family, size=tiny.SMALL if options.tiny else passes.SIZE)
            model, processor, inputs = passes.load(folder)
            examples = passes.examples_of_length(inputs, prompt_tokens)
            trainer = passes.make_trainer(model, processor, examples, folder, "grpo", beta=0)
            for tokens in replies:
                found[tokens, family] = cell(trainer, passes.first_prompt(examples), tokens)
                sys.stderr.write(f"{family} {tokens}: {found[tokens, family]}\n")
            if not options.tiny and not memory:
                memory = {way: peak(folder, way) for way in WAYS}
    differences = max(one.away for one in found.values()), max(one.gradient for one in found.values())
    rows = [(f"{tokens:,}", *(shown(found[tokens, family]) for family in families)) for tokens in replies]
    measured = table(("tokens of a reply", *(f"{family}: repeated, mask" for family in families)), rows)
    text = TEXT.format(GROUP, prompt_tokens, *differences, measured)
    if memory:
        text += MEMORY.format(FAMILIES[0], REPLIES[-1], *(memory[way] / memory["branches"] for way in WAYS[1:]))
    show("loss_by_layout", "The loss of a group by its layout", text, options.write, "torch", "transformers", "trl")
    if max(differences) >= SAME:
        sys.exit(f"expected the same log-probabilities and gradients to {SAME}, found {differences}")
    if not options.tiny and (said := slow(found, memory)):
        sys.exit("\n".join(said))


def shown(one: Cell) -> str:
    """A cell of the table."""
    ratios = (one.seconds[way] / one.seconds["branches"] for way in ("repeated", "mask"))
    return f"{', '.join(f'{ratio:.2f}' for ratio in ratios)} ({one.chosen})"


if __name__ == "__main__":
    main()
