"""What a group that shares its prompt saves: log-probabilities with gradients, and generation, beside the repeated prompt.

    python tests/benchmarks/training_passes.py CHECKPOINT loss|generation WAY [--prompt 1000] [--group 8]

prints the peak memory of one pass above what the loaded model takes. Each pass gets a process of its own, since the peak
never falls and freed memory is used again.
"""

import argparse
import json
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.frames import Frames
from harness.models import generate, loading, tiny
from harness.models.checkpoint import find
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from tasks import protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span
from trainers import recipe as recipes
from trainers.examples import Examples, Prompt, columns
from trainers.methods.grpo import VideoGRPOTrainer
from trainers.methods.packed import LAYOUTS
from trainers.mix import Share
from trainers.rollout import Turn, draw
from trainers.train import build
from trainers.training import Training

# A text tower of about 20 M parameters.
SIZE = tiny.Size(hidden=384, layers=12, heads=6, kv_heads=2, inner=1024, vision_hidden=192, vision_layers=4, std=0.05)
NEW_TOKENS = 20
SIDE = 5  # Visual tokens along the side of a frame
QUERIES = ("a person opens the door", "the dog jumps over a chair")


def load(folder: Path) -> tuple[Any, Any, Inputs]:
    """A checkpoint on the CPU, its processor and input builder."""
    checkpoint = find(str(folder))
    dtype = "bfloat16" if torch.cuda.is_available() else "float32"
    model, processor, _ = loading.read(checkpoint, Options(device="cpu", dtype=dtype))
    check_positions(model)
    return model, processor, Inputs(model, processor, checkpoint.family)


def make_frames(frames: int, height: int, width: int) -> Frames:
    """Random frames at 2 per second."""
    pixels = np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(frames) * 0.5, 0.5, 0.0, "made")


def make_examples(inputs: Inputs, frames: Frames) -> Examples:
    """One video with two queries."""
    rules = protocol.load("default")
    seconds = len(frames.pixels) / 2
    samples = make_samples("t", [one_query("v", seconds, query, [Span(0.25, seconds / 2)]) for query in QUERIES])
    return Examples([Question(sample, "direct", rules, Path("v.mp4")) for sample in samples], inputs, lambda *_: frames)


def examples_of_length(inputs: Inputs, tokens: int) -> Examples:
    """Examples whose first prompt has at least `tokens` tokens, and as few more as whole frames allow."""

    def examples(pairs: int) -> Examples:
        return make_examples(inputs, make_frames(2 * pairs, SIDE * inputs.pixel_factor, SIDE * inputs.pixel_factor))

    # Each pair of frames has that many visual tokens at least.
    possible = range(2, 3 + tokens // SIDE**2)
    return examples(possible[bisect_left(possible, tokens, key=lambda pairs: len(first_prompt(examples(pairs)).row.ids))])


def first_prompt(examples: Examples) -> Prompt:
    """The prompt of the first query."""
    return examples.take(columns(next(iter(examples.questions.values()))))[1]


def make_trainer(model: Any, processor: Any, examples: Examples, folder: Path, recipe: str, **changes: Any) -> Any:
    """The trainer of a recipe, as `harness train` builds it."""
    changed = recipes.load(recipe, [f"{key}={json.dumps(value)}" for key, value in changes.items()])
    return build(
        Training(changed, (), str(folder), folder), model, processor, examples, [Share(list(examples.questions.values()))]
    )


def loss_pass(trainer: Any, prompt: Prompt, group: int, way: str, new_tokens: int = NEW_TOKENS) -> torch.Tensor:
    """Log-probabilities of `group` random replies, and their gradients.

    Args:
        trainer: A GRPO trainer.
        prompt: The prompt of all replies.
        group: Number of replies.
        way: `shared`; `mask` or `branches`, shared in that layout; `repeated`, by TRL's own code on a batch in which each reply
            has its own prompt and video.
        new_tokens: Of each reply.
    """
    model = trainer.model
    torch.manual_seed(0)
    replies = torch.randint(0, 200, (group, new_tokens), device=model.device)
    ids = torch.cat([torch.tensor([prompt.row.ids] * group, device=model.device), replies], 1)
    trainer.turn = Turn(prompts=[prompt] * group)
    model.zero_grad()
    call = trainer._get_per_token_logps_and_entropies
    if way == "repeated":
        call = super(VideoGRPOTrainer, trainer)._get_per_token_logps_and_entropies
        model = with_videos(model, prompt, group)
    possible = trainer.layouts
    trainer.layouts = (way,) if way in LAYOUTS[1:] else possible
    values: torch.Tensor = call(model, ids, torch.ones_like(ids), new_tokens)[0]
    trainer.layouts = possible
    values.sum().backward()
    return values.detach()


def with_videos(model: Any, prompt: Prompt, group: int) -> Callable[..., Any]:
    """The model with the videos of a batch bound to it, which TRL's own log-probabilities do not pass."""
    video = prompt.video
    videos: dict[str, Any] = {
        "pixel_values_videos": video.pixels.repeat(group, 1).to(model.device, model.dtype),
        "video_grid_thw": video.grid.repeat(group, 1).to(model.device),
        **({} if video.seconds is None else {"second_per_grid_ts": torch.tensor([video.seconds] * group, device=model.device)}),
    }

    def call(**keywords: Any) -> Any:
        types = (keywords["input_ids"] == model.config.video_token_id).int() * 2
        return model(**{**keywords, "mm_token_type_ids": types}, **videos)

    return call


@torch.no_grad()
def generation(trainer: Any, prompt: Prompt, group: int, way: str) -> list[list[int]]:
    """Token ids of `group` replies of `NEW_TOKENS` tokens, chosen greedily, so that the ways can be compared.

    Args:
        trainer: A GRPO trainer.
        prompt: The prompt of all replies.
        group: Number of replies.
        way: `shared`; `repeated`, each reply with its own video and prompt; `once`, the video once and each reply with its
            own prompt, which is what `num_return_sequences` does.
    """
    model = trainer.model.eval()
    rules = generate.Rules(NEW_TOKENS, frozenset(), trainer.rules.suppress)
    rows, video = [prompt.row] * group, prompt.video
    if way == "shared":
        outputs = draw(model, [prompt], [group], rules, list(range(group)))[0]
    else:
        copies = group if way == "repeated" else 1
        pixels = video.pixels.repeat(copies, 1).to(model.device, model.dtype)
        seen = model.model.get_video_features(pixels, video.grid.repeat(copies, 1).to(model.device), return_dict=True)
        if way == "repeated":
            prefix = generate.prefill(model, rows, [len(prompt.row.ids) - 1] * group, seen)
            outputs = generate.generate(model, rows, rules, prefix, None, list(range(group)))
        else:
            outputs = generate.generate(model, rows, rules, None, seen)
    model.train()
    return [output.ids for output in outputs]


PASSES: dict[str, Callable[..., Any]] = {"loss": loss_pass, "generation": generation}


def resident(field: str) -> int:
    """Bytes of this process by a field of /proc/self/status: `VmRSS` now, `VmHWM` at most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Peak memory of one pass.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", choices=PASSES)
    parser.add_argument("way", choices=("shared", "mask", "branches", "repeated", "once"))
    parser.add_argument("--prompt", type=int, default=1000)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=NEW_TOKENS, help="of each reply in the loss")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model, processor, inputs = load(options.checkpoint)
    examples = examples_of_length(inputs, options.prompt)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, processor, examples, Path(folder), "grpo", beta=0)
        prompt = first_prompt(examples)
        # A pass with nearly nothing in it, so that code and gradients are in memory before.
        PASSES[options.name](trainer, first_prompt(examples_of_length(inputs, 1)), 1, options.way)
        before = resident("VmRSS")
        PASSES[options.name](trainer, prompt, options.group, options.way, *([options.tokens] if options.name == "loss" else []))
    shown = {"peak_bytes": resident("VmHWM") - before, "prompt_tokens": len(prompt.row.ids)}
    sys.stdout.write(json.dumps(shown) + "\n")


if __name__ == "__main__":
    main()
