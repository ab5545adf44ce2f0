"""A whole GRPO step of ours against one of TRL's own trainer, which repeats the prompt for each reply.

    python tests/benchmarks/against_trl.py [--write]

The same weights, the same number of prompt tokens, replies of one forced length, the same arguments (TRL's defaults: activations
are computed again, no reference model), float32 on one thread. Our prompt is a video with a question; TRL takes no video, so its
prompt is as many tokens of text, and the time of our video tower counts against us. A step draws the replies, rewards them,
computes the loss with its gradients and updates the weights.
"""

import copy
import dataclasses
import gc
import runpy
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import torch
import transformers
from ratios import arguments, show, table

from harness.models import tiny

PASSES: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("training_passes.py")))

from datasets import Dataset  # noqa: E402  (after what mends the imports of transformers)
from trl import GRPOTrainer  # noqa: E402

PROMPTS, REPLIES, GROUPS = (500, 1_000, 2_000, 4_000), (20, 200, 1_000), (4, 8, 16)
SIZE = tiny.Size(hidden=384, layers=2, heads=6, kv_heads=2, inner=2048, vision_hidden=96, vision_layers=2, std=0.05)
HEADS = 1
"""Of the six that fit the width: at 4,000 tokens attention is then a tenth of the arithmetic, as at 3 B parameters."""
TARGET = {(1_000, 20, 8): 5.0}
CELLS = [cell for cell in product(PROMPTS, REPLIES, GROUPS) if cell[1] < 1_000 or cell[2] < 16]
"""Without the longest, so that the table takes half an hour."""
STEPS, FEW_TOKENS = 3, 9_000
"""Steps of a cell, of which the fastest counts, where its rows hold no more tokens than this; one step where they hold more."""
TEXT = """A cell says how many times as fast a whole GRPO step is as one of `trl.GRPOTrainer`. The text tower of the Qwen3-VL has
{:.0f} M parameters. Rows are tokens of the prompt and of a reply, columns replies of a group G. {}"""


def make_checkpoint(folder: Path, size: tiny.Size = SIZE) -> int:
    """Write a Qwen3-VL with random weights and few heads; returns the parameters of its text tower."""
    tokenizer = tiny.make_tokenizer()
    config = tiny.make_config("qwen3_vl", tokenizer, size)
    config.text_config.num_attention_heads = config.text_config.num_key_value_heads = HEADS
    torch.manual_seed(0)
    model = tiny.make_model(config)
    model.save_pretrained(folder)
    tiny.make_processor("qwen3_vl", tokenizer).save_pretrained(folder)
    return int(model.model.language_model.num_parameters())


class Steps(transformers.TrainerCallback):  # type: ignore[misc]
    """Processor time of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.begun = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.begun = time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.process_time() - self.begun)


def fastest(trainer: Any, new_tokens: int) -> float:
    """Seconds of the fastest step of a training."""
    steps = Steps()
    trainer.add_callback(steps)
    trainer.train()
    lengths = {entry["completions/mean_length"] for entry in trainer.state.log_history if "completions/mean_length" in entry}
    if lengths != {float(new_tokens)}:
        raise ValueError(f"expected replies of {new_tokens} tokens, found {lengths}")
    return min(steps.seconds)


def reward(completions: list[str], **_: Any) -> list[float]:
    """A reward that differs within nearly every group of random replies."""
    return [float(len(completion) % 7) for completion in completions]


def ours(folder: Path, tokens: int, new_tokens: int, group: int, steps: int) -> tuple[Any, int]:
    """Our trainer on one video, and the tokens of its prompt."""
    model, processor, inputs = PASSES["load"](folder)
    examples = PASSES["examples_of_length"](inputs, tokens)
    changes = {"group_size": group, "max_completion_length": new_tokens, "prompts_per_step": 1, "max_steps": steps, "beta": 0.0}
    made = PASSES["make_trainer"]
    trainer = made(model, processor, examples, folder, "grpo", epochs=["direct"] * steps, save_strategy="no", **changes)
    trainer.rules = dataclasses.replace(trainer.rules, stop=frozenset())
    return trainer, len(PASSES["first_prompt"](examples).row.ids)


def theirs(folder: Path, args: Any, tokens: int, new_tokens: int) -> Any:
    """TRL's trainer with the arguments of ours, on a prompt of so many tokens of text."""
    model, processor, _ = PASSES["load"](folder)
    tokenizer = processor.tokenizer
    prompt = " person" * tokens
    if len(tokenizer(prompt)["input_ids"]) != tokens:
        raise ValueError("expected a word that is one token")
    args = copy.copy(args)
    args.generation_kwargs = {"min_new_tokens": new_tokens}
    data = Dataset.from_list([{"prompt": prompt}] * (2 * args.max_steps))
    args.reward_weights = None
    return GRPOTrainer(model=model, args=args, processing_class=tokenizer, train_dataset=data, reward_funcs=[reward])


def ratio(folder: Path, tokens: int, new_tokens: int, group: int) -> float:
    """How many times as long TRL's step takes."""
    steps = STEPS if group * (tokens + new_tokens) <= FEW_TOKENS else 1
    trainer, prompt_tokens = ours(folder, tokens, new_tokens, group, steps)
    args, mine_s = trainer.args, fastest(trainer, new_tokens)
    del trainer
    gc.collect()
    trainer = theirs(folder, args, prompt_tokens, new_tokens)
    theirs_s = fastest(trainer, new_tokens)
    del trainer
    gc.collect()
    sys.stderr.write(f"prompt {prompt_tokens}, replies {new_tokens}, G {group}: {mine_s:.2f} s, TRL {theirs_s:.2f} s\n")
    return theirs_s / mine_s


def measured(found: dict[tuple[int, int, int], float]) -> str:
    """The cells as a table, a row for each prompt and length of reply."""
    rows = []
    for tokens, new in dict.fromkeys((tokens, new) for tokens, new, _ in found):
        rows.append(
            (f"{tokens:,}", f"{new:,}", *(f"{found[tokens, new, g]:.1f}" if (tokens, new, g) in found else "-" for g in GROUPS))
        )
    return table(("prompt", "reply", *(f"G = {group}" for group in GROUPS)), rows)


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    torch.set_num_threads(1)
    cells = [(100, 4, GROUPS[0])] if options.tiny else CELLS
    with tempfile.TemporaryDirectory() as folder:
        parameters = make_checkpoint(Path(folder), tiny.SMALL if options.tiny else SIZE)
        ratio(Path(folder), 60, 4, 4)  # warms up
        found = {cell: ratio(Path(folder), *cell) for cell in cells}
    slower = [cell for cell, value in found.items() if value < 1]
    said = "No cell is slower." if not slower else f"Slower in {len(slower)} cells of {len(cells)}."
    text = f"{TEXT.format(parameters / 1e6, said)}\n\n{measured(found)}"
    show("against_trl", "A GRPO step against TRL", text, options.write, "torch", "transformers", "trl")
    wrong = slower + [cell for cell, least in TARGET.items() if round(found.get(cell, least), 1) < least]
    if wrong and not options.tiny:
        sys.exit(f"below the target: {', '.join(map(str, wrong))}")


if __name__ == "__main__":
    main()
