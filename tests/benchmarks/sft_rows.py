"""SFT on several videos at a time: all in one row without padding, beside a padded row for each, by the lengths of the prompts.

    python tests/benchmarks/sft_rows.py [--write]

The loss of a micro-batch with its gradients, float32 on one thread, in text towers of about 20 M parameters. Both ways must give
the same loss and gradients, to 1e-5.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import training_passes as passes
from ratios import arguments, seconds, show, table

from harness.models import tiny
from trainers.methods import packed

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
PROMPTS = ((500, 500, 500, 500), (400, 500, 500, 600), (250, 500, 750, 1_000), (250, 250, 250, 2_000))
ANSWER, ROUNDS, SAME = 20, 2, 1e-5
WAYS = ("repeated", "branches")
TEXT = """A cell says how many times as fast the loss of {} videos is in one row as in padded rows. Rows of the table are
tokens of the prompts; answers have {} tokens. Loss and gradients differ by {:.0e} at most, relative to the largest gradient.
`harness train --recipe sft --set prompts_per_device=4` chooses the layout in brackets."""


def groups_of(inputs: Any, lengths: Sequence[int]) -> list[packed.Group]:
    """A video with an answer for each of these lengths of prompt."""
    prompts = {length: passes.first_prompt(passes.examples_of_length(inputs, length)) for length in set(lengths)}
    torch.manual_seed(0)
    answers = torch.randint(0, 200, (len(lengths), ANSWER)).tolist()
    return [
        packed.completions(prompts[length].row, prompts[length].video, [answer])
        for length, answer in zip(lengths, answers, strict=True)
    ]


def loss_of(trainer: Any, groups: Sequence[packed.Group], layout: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss in one layout, and all its gradients."""
    trainer.layouts = (layout,)
    trainer.model.zero_grad()
    loss: torch.Tensor = trainer.compute_loss(trainer.model, {"groups": groups})
    loss.backward()
    made = [weight.grad.flatten() for weight in trainer.model.parameters() if weight.grad is not None]
    return loss.detach(), torch.cat(made)


def row_of(trainer: Any, inputs: Any, lengths: Sequence[int]) -> tuple[float, str, float]:
    """How many times as long padded rows take, the layout that a training takes, and the largest difference of both."""
    groups, possible = groups_of(inputs, lengths), packed.layouts(trainer.model.config)
    (one, first), (other, second) = (loss_of(trainer, groups, layout) for layout in WAYS)
    away = max(abs(one - other).item(), ((first - second).abs().max() / first.abs().max()).item())
    del first, second
    taken = seconds(
        {layout: lambda layout=layout: loss_of(trainer, groups, layout) for layout in ("repeated", "branches")}, ROUNDS
    )
    chosen = packed.cheapest([packed.lengths(group) for group in groups], possible, trainer.prices)
    return taken["repeated"] / taken["branches"], "one row" if chosen == "branches" else "padded", away


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    torch.set_num_threads(1)
    cells, families = ([(100, 200, 250, 300)], FAMILIES[:1]) if options.tiny else (PROMPTS, FAMILIES)
    found: dict[tuple[int, ...], list[tuple[float, str, float]]] = {cell: [] for cell in cells}
    for family in families:
        with tempfile.TemporaryDirectory() as name:
            folder = tiny.build(Path(name) / family, family, size=tiny.SMALL if options.tiny else passes.SIZE)
            model, processor, inputs = passes.load(folder)
            trainer = passes.make_trainer(model, processor, passes.examples_of_length(inputs, 1), folder, "sft")
            for cell in cells:
                found[cell].append(row_of(trainer, inputs, cell))
                sys.stderr.write(f"{family} {cell}: {found[cell][-1]}\n")
    away = max(difference for row in found.values() for _, _, difference in row)
    rows = [
        (", ".join(f"{length:,}" for length in cell), *(f"{ratio:.2f} ({layout})" for ratio, layout, _ in row))
        for cell, row in found.items()
    ]
    text = f"{TEXT.format(len(cells[0]), ANSWER, away)}\n\n{table(('tokens of the prompts', *families), rows)}"
    show("sft_rows", "SFT on several videos in a row", text, options.write, "torch", "transformers", "trl")
    if away > SAME:
        sys.exit(f"expected the same loss and gradients to {SAME}, found {away}")


if __name__ == "__main__":
    main()
