"""Families that go through their own processor and `generate`: together, and each question on its own.

    python tests/benchmarks/generic_families.py [--write]

Random weights, the same frames and questions, greedy replies of one length, float32 on one thread. Each way begins with frames
in memory and ends with texts. Replies must be equal.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ratios import arguments, make_protocol, seconds, show, table
from transformers.models.smolvlm import processing_smolvlm

from harness.frames import Frames
from harness.models import families, hf, tiny
from harness.models.base import Asked
from harness.models.generic import GenericModel
from harness.models.options import Options
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

NAMES = tuple(family.types[0] for family in families.every() if not family.exact)
FRAMES, NEW_TOKENS, MANY = 16, 48, 8
SIZE = tiny.Size(hidden=384, layers=6, heads=6, kv_heads=2, inner=1024, vision_hidden=192, vision_layers=4, std=0.05)
WAYS = {"alone": Options(device="cpu", share=False), "one by one": Options(device="cpu", batch_size=1)}
WAYS |= {"together": Options(device="cpu", batch_size="auto")}
TEXT = """\
A cell says how many times as fast a question is answered as with calls of the processor and `generate` for each question.
First come {} questions on a video, then {} videos with a question each, of {} frames. A reply has {} tokens. Figures in
brackets are those of `--batch-size 1`: questions share the computation of their video, and replies come one by one. All
replies are equal."""


def make_videos(model: GenericModel, rules: Protocol, counts: Sequence[int], frames: int) -> list[Asked]:
    """Videos of noise at two frames a second, with so many questions each."""
    side, videos = 4 * model.pixel_factor, []
    for number, count in enumerate(counts):
        pixels = np.random.default_rng(number).integers(0, 256, (frames, side, side, 3), dtype=np.uint8)
        rows = [one_query("v", frames / 2, f"a person opens door {door}", [Span(1.0, 2.0)]) for door in range(count)]
        asked = [Question(sample, "direct", rules) for sample in make_samples("t", rows)]
        videos.append(Asked(Frames(pixels, np.arange(frames) / 2, 0.5, 0.0, "made"), asked))
    return videos


def measured(name: str, folder: Path, small: bool) -> list[str]:
    """The tokens of a prompt of a family, and how many times as fast it answers many questions and many videos."""
    frames, new, many = (4, 2, 2) if small else (FRAMES, NEW_TOKENS, MANY)
    checkpoint = tiny.build(folder / name, name, size=tiny.SMALL if small else SIZE)
    rules, models = make_protocol(new), dict[str, Any]()
    for way, options in WAYS.items():
        models[way] = hf.load(str(checkpoint), rules, options)
        models[way].stop = [-1]
        models[way].model.generation_config.eos_token_id = None
    cells, tokens = [], 0
    for counts in ((many,), (1,) * many):
        videos = make_videos(models["alone"], rules, counts, frames)
        replies = {way: sorted(model.stream(iter(videos))) for way, model in models.items()}
        tokens = replies["alone"][0][1][0].prompt_tokens
        if any(found != replies["alone"] for found in replies.values()):
            raise ValueError(f"expected equal replies of {name} in every way")
        run = {way: lambda model=model: list(model.stream(iter(videos))) for way, model in models.items()}  # noqa: B023
        taken = seconds(run, 1)
        sys.stderr.write(f"{name}, {counts}: {taken}\n")
        cells.append(f"{taken['alone'] / taken['together']:.1f} ({taken['alone'] / taken['one by one']:.1f})")
    return [families.of(name).title, f"{tokens:,}", *cells]


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    torch.set_num_threads(1)
    # SmolVLM2's processor writes how many frames there are with a package that is not needed for anything else.
    processing_smolvlm.num2words = str
    with tempfile.TemporaryDirectory() as folder:
        names = [name for name in NAMES if families.too_old(families.of(name)) is None]
        rows = [measured(name, Path(folder), options.tiny) for name in (names[:1] if options.tiny else names)]
    headers = ("family", "tokens of a prompt", f"{MANY} questions on a video", f"{MANY} videos, a question each")
    text = f"{TEXT.format(MANY, MANY, FRAMES, NEW_TOKENS)}\n\n{table(headers, rows)}"
    show("generic_families", "Families through their own processor", text, options.write, "torch", "transformers")


if __name__ == "__main__":
    main()
