"""Steps of GRPO and TempSamp-R1 at the size of Qwen2.5-VL-3B and 7B, with random weights and frames: no download.

    python tests/benchmarks/gpu_training.py OUT.json [--tiny]

The models are made on the GPU from the published configuration numbers, written to a temporary folder (17 GB for the larger) and
trained from there by the recipes' own trainers, in bfloat16 with activation checkpointing. `--tiny` runs the same on a CPU with a
tiny model. Replies are forced to their full length, since random weights do not know when to stop.
"""

import argparse
import dataclasses
import gc
import json
import runpy
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import torch
import transformers

from harness import environment
from harness.models import tiny
from trainers.methods.grpo import VideoGRPOTrainer

PASSES: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("training_passes.py")))
STEPS = 3
"""The first warms up."""
FRAMES, HEIGHT, WIDTH = 56, 224, 448
"""28 pairs of frames with 8 x 16 visual tokens each: 3,584."""

ROPE = {"rope_type": "default", "rope_theta": 1e6}
TEXT = {
    "3B": {
        "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
        "num_key_value_heads": 2, "max_position_embeddings": 128000, "rope_parameters": {**ROPE, "mrope_section": [16, 24, 24]},
    },
    "7B": {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "max_position_embeddings": 128000, "rope_parameters": {**ROPE, "mrope_section": [16, 24, 24]},
    },
    "tiny": {
        "vocab_size": 2048, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 4096, "rope_parameters": {**ROPE, "mrope_section": [4, 2, 2]},
    },
}  # fmt: skip
VISION = {
    "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "patch_size": 14, "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
}  # fmt: skip
SMALL_VISION = {**VISION, "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "fullatt_block_indexes": [1]}


def make_config(shape: str, tokenizer: Any) -> Any:
    """The configuration of a model of this shape."""
    config = tiny.make_config("qwen2_5_vl", tokenizer, tiny.SMALL)
    ids = {key: getattr(config.text_config, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    vision = {**(SMALL_VISION if shape == "tiny" else VISION), "out_hidden_size": TEXT[shape]["hidden_size"]}
    places = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return type(config)(
        text_config={**TEXT[shape], **ids},
        vision_config=vision,
        tie_word_embeddings=shape == "3B",
        **{key: getattr(config, key) for key in places},
    )


def make_checkpoint(shape: str, folder: Path) -> None:
    """Write a model of this shape with random weights, and its processor."""
    tokenizer = tiny.make_tokenizer()
    cuda = torch.cuda.is_available()
    torch.manual_seed(0)
    standard = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if cuda else torch.float32)
    with torch.device("cuda" if cuda else "cpu"):
        model = tiny.make_model(make_config(shape, tokenizer))
    torch.set_default_dtype(standard)
    model.save_pretrained(folder)
    tiny.make_processor("qwen2_5_vl", tokenizer).save_pretrained(folder)


METHODS = {
    "generation": "_generate_single_turn",
    "rollout": "_generate_and_score_completions",
    "logprobs": "_get_per_token_logps_and_entropies",
    "forward": "_compute_loss",
    "forward_and_backward": "training_step",
}


class Phases(transformers.TrainerCallback):  # type: ignore[misc]
    """Seconds of a trainer's steps and phases; waits for the GPU at the end of each."""

    def __init__(self, trainer: VideoGRPOTrainer) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.begun = 0.0
        for name, method in METHODS.items():
            setattr(trainer, method, self._wrapped(name, getattr(trainer, method)))
        trainer.add_callback(self)

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            begin = now()
            output = method(*arguments, **keywords)
            self.seconds["reference" if name == "logprobs" and not torch.is_grad_enabled() else name].append(now() - begin)
            return output

        return call

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.begun = now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds["step"].append(now() - self.begun)

    def means(self) -> dict[str, float]:
        """Mean seconds, the first step left out; each phase without those inside it."""
        found = {name: statistics.mean(values[1:]) for name, values in self.seconds.items()}
        found["optimizer"] = found["step"] - found["forward_and_backward"]
        found["backward"] = found.pop("forward_and_backward") - found["rollout"] - found["forward"]
        found["rewards_and_rest"] = found.pop("rollout") - found["generation"] - found.get("reference", 0.0)
        del found["logprobs"]
        return found


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def measure(folder: Path, recipe: str, group: int, new_tokens: int, share: bool, size: tuple[int, int, int]) -> dict[str, Any]:
    """Seconds of a step on one prompt and of its phases, tokens per second (the prompt once) and peak memory."""
    model, processor, inputs = PASSES["load"](folder)
    examples = PASSES["make_examples"](inputs, PASSES["make_frames"](*size))
    prompt = PASSES["first_prompt"](examples)
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    changes = {"group_size": group, "max_completion_length": new_tokens, "gradient_accumulation_steps": 1, "max_steps": STEPS}
    trainer = PASSES["make_trainer"](
        model, processor, examples, folder, recipe, epochs=["direct"] * STEPS, save_strategy="no", **changes
    )
    trainer.share = share
    trainer.rules = dataclasses.replace(trainer.rules, stop=frozenset())
    phases = Phases(trainer)
    trainer.train()
    seconds = phases.means()
    own = group - (trainer.off_policy is not None)
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    tokens = len(prompt.row.ids) + group * log[-1]["completions/mean_length"]
    return {
        "recipe": recipe,
        "group": group,
        "shared_prompt": share,
        "prompt_tokens": len(prompt.row.ids),
        "visual_tokens": int(prompt.video.grid.prod()) // 4,
        "new_tokens": new_tokens,
        "generated_replies": own,
        "seconds": seconds,
        "tokens_per_s": tokens / seconds["step"],
        "generated_tokens_per_s": own * new_tokens / seconds["generation"],
        "peak_bytes": torch.cuda.max_memory_allocated() if cuda else PASSES["resident"]("VmHWM"),
        "losses": [entry["loss"] for entry in log],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "dtype": str(model.dtype),
    }


def main(arguments: list[str] | None = None) -> None:
    """Command line; the file grows by a case at a time."""
    parser = argparse.ArgumentParser(description="Training steps at full size.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tiny", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--shapes", nargs="+", choices=TEXT, default=["3B", "7B"])
    parser.add_argument("--groups", nargs="+", type=int, default=[4, 8])
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args(arguments)
    hardware = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    result: dict[str, Any] = {"hardware": hardware, "versions": environment.describe("pyav")["packages"], "cases": []}
    size = (8, 56, 84) if options.tiny else (FRAMES, HEIGHT, WIDTH)
    for shape in ["tiny"] if options.tiny else options.shapes:
        with tempfile.TemporaryDirectory() as folder:
            make_checkpoint(shape, Path(folder))
            for group, (recipe, share) in product(options.groups, (("grpo", True), ("tempsamp", True), ("grpo", False))):
                gc.collect()
                torch.cuda.empty_cache()
                try:
                    case = measure(Path(folder), recipe, group, options.tokens, share, size)
                except torch.OutOfMemoryError as error:
                    case = {"recipe": recipe, "group": group, "shared_prompt": share, "out_of_memory": str(error)}
                result["cases"].append({"shape": shape, **case})
                options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
                sys.stdout.write(json.dumps(result["cases"][-1]) + "\n")


if __name__ == "__main__":
    main()
