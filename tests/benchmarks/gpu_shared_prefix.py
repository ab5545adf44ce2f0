"""Shared prefix against independent calls at the size of Qwen2.5-VL-7B, with random weights and frames: no download.

    python tests/benchmarks/gpu_shared_prefix.py OUT.json [--tiny]

The seven-billion model is made on the GPU from the published configuration numbers; `--tiny` runs the same measurement on
a CPU with a tiny model. Replies are forced to their full length, since random weights do not know when to stop.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from harness import environment
from harness.frames import Frames
from harness.models import generate, hf, tiny
from harness.models.checkpoint import Checkpoint
from harness.models.options import Options
from tasks import protocol
from tasks.errors import Failure
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

QUERIES = ("a person opens the door", "the dog jumps over 3 chairs, then sleeps", "someone laughs at the window")


def make_frames(count: int, height: int, width: int) -> Frames:
    """Random frames at 2 per second."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(count) * 0.5, 0.5, 0.0, "made")


def make_questions(rules: protocol.Protocol) -> list[Question]:
    """Three queries in two modes."""
    samples = make_samples("t", [one_query("v", 60.0, query, [Span(1.0, 2.0)]) for query in QUERIES])
    return [Question(sample, mode, rules) for sample in samples for mode in ("direct", "cot")]


def make_protocol(new_tokens: int) -> protocol.Protocol:
    """The default protocol with a fixed reply length."""
    default = protocol.load("default")
    return dataclasses.replace(default, decoding=dataclasses.replace(default.decoding, max_new_tokens=new_tokens))


def make_seven_billion() -> hf.HfModel:
    """A model of Qwen2.5-VL-7B's shape with random bfloat16 weights, made on the GPU."""
    tokenizer = tiny.make_tokenizer()
    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    text = {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "max_position_embeddings": 128000,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    }
    vision = {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "patch_size": 14,
        "window_size": 112,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "out_hidden_size": 3584,
        "tokens_per_second": 2,
    }
    config = transformers.Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=False,
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    torch.manual_seed(0)
    with torch.device("cuda"):
        kind: Any = transformers.AutoModelForImageTextToText
        model = kind.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").eval()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    processor = tiny.make_processor("qwen2_5_vl", tokenizer)
    checkpoint = Checkpoint("random Qwen2.5-VL-7B", Path(), "qwen2_5_vl", None)
    return hf.HfModel(checkpoint, model, processor)


def measure(model: hf.HfModel, frames: Frames, questions: list[Question], rounds: int) -> dict[str, Any]:
    """Median seconds of both ways in turn (one round to warm up), memory, and how far their tokens agree."""
    rules = model.rules
    model.rules = lambda decoding: dataclasses.replace(rules(decoding), stop=frozenset())  # type: ignore[method-assign]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    processor: dict[bool, list[float]] = {True: [], False: []}
    tokens: dict[bool, list[list[int]]] = {}
    memory: dict[bool, int] = {}
    prompts: list[int] = []
    cuda = model.model.device.type == "cuda"
    for turn in range(rounds + 1):
        for share in (True, False):
            model.options = dataclasses.replace(model.options, share=share)
            if cuda:
                torch.cuda.reset_peak_memory_stats()
                torch.cuda.synchronize()
            begin, begin_cpu = time.perf_counter(), time.process_time()
            tokens[share], prompts = answer(model, frames, questions)
            if cuda:
                torch.cuda.synchronize()
            if turn:
                seconds[share].append(time.perf_counter() - begin)
                processor[share].append(time.process_time() - begin_cpu)
            memory[share] = torch.cuda.max_memory_allocated() if cuda else 0
    shared, alone = statistics.median(seconds[True]), statistics.median(seconds[False])
    pairs = list(zip(tokens[True], tokens[False], strict=True))
    return {
        "questions": len(questions),
        "prompt_tokens": prompts,
        "new_tokens": len(tokens[True][0]),
        "visual_tokens": int(np.prod(frames.pixels.shape[:3])) // 2 // model.pixel_factor**2,
        "shared_s": shared,
        "independent_s": alone,
        "ratio": alone / shared,
        "cpu_ratio": statistics.median(processor[False]) / statistics.median(processor[True]),
        "shared_questions_per_s": len(questions) / shared,
        "independent_questions_per_s": len(questions) / alone,
        "shared_peak_bytes": memory[True],
        "independent_peak_bytes": memory[False],
        "first_tokens_equal": sum(a[0] == b[0] for a, b in pairs),
        "replies_equal": sum(a == b for a, b in pairs),
        "rounds_s": {"shared": seconds[True], "independent": seconds[False]},
    }


def answer(model: hf.HfModel, frames: Frames, questions: list[Question]) -> tuple[list[list[int]], list[int]]:
    """Token ids of each reply (the text of random replies need not be readable), and the lengths of the prompts."""
    ids: list[list[int]] = []
    original = generate.generate

    def recorded(*arguments: Any) -> list[generate.Output]:
        outputs = original(*arguments)
        ids.extend(output.ids for output in outputs)
        return outputs

    generate.generate = recorded  # type: ignore[assignment]
    try:
        replies = model.answer(frames, questions)
    finally:
        generate.generate = original
    return ids, [reply.prompt_tokens for reply in replies if not isinstance(reply, Failure)]


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Shared prefix against independent calls.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tiny", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--side", type=int, default=448)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    if options.tiny:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = tiny.build(Path(folder), "qwen2_5_vl")
            model = hf.load(str(checkpoint), rules := make_protocol(4), Options(device="cpu"))
        frames, hardware = make_frames(8, 56, 84), "cpu"
    else:
        model, hardware, rules = make_seven_billion(), torch.cuda.get_device_name(), make_protocol(options.tokens)
        frames = make_frames(options.frames, options.side, options.side)
    result = measure(model, frames, make_questions(rules), options.rounds)
    result |= {
        "hardware": hardware,
        "dtype": str(model.model.dtype),
        "positions": model.positions,
        "versions": environment.describe("pyav")["packages"],
    }
    result["parameters"] = sum(parameter.numel() for parameter in model.model.parameters())
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{result['ratio']:.2f} times the questions per second of independent calls ({hardware})\n")


if __name__ == "__main__":
    main()
