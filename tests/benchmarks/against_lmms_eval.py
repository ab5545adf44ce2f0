"""Questions on one video through our `hf` model against lmms-eval's own classes, with the same visual tokens.

    python tests/benchmarks/against_lmms_eval.py [--write]

The same checkpoint with random weights, the same file, the same frames and questions, greedy replies of one forced length,
float32 on one thread. Each way begins with the file and ends with the texts; imports and loading are outside. lmms-eval gets all
questions of the video in one call of the class that it chooses itself, and reads the file with our reader.
"""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from ratios import arguments, make_protocol, seconds, show, table

from harness.models import hf, lmms, tiny
from harness.models.chat import generation
from harness.models.options import Options
from harness.video.decode import read_frames
from tasks.errors import Failure
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
QUESTIONS = (1, 2, 4, 8)
PATCHES, FRAMES, NEW_TOKENS = 7, 80, 24
"""Visual tokens along each side of a frame, and frames: two frames make 49 tokens, the video 1,960."""
SIZE = tiny.Size(hidden=384, layers=6, heads=6, kv_heads=2, inner=2048, vision_hidden=192, vision_layers=4, std=0.05)
"""The feed-forward layers are 5.3 times as wide as the model, as at 7 B parameters."""
TARGET = {8: 5.0}
TEXT = """A cell says how many times as fast a question is answered as by the class of lmms-eval, by the questions on the video.
Both sides have {:,} visual tokens, {} tokens a reply, text towers of {:.0f} M parameters and {} threads."""


def make_video(path: Path, side: int, frames: int) -> None:
    """A video of 2 frames per second, of square frames in which large areas change their brightness."""
    coarse = np.random.default_rng(0).integers(0, 256, (frames, PATCHES, PATCHES, 3), dtype=np.uint8)
    pixels = coarse.repeat(side // PATCHES, axis=1).repeat(side // PATCHES, axis=2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.height = stream.width = side
        stream.pix_fmt = "yuv420p"
        for image in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def make_questions(rules: Protocol, path: Path, count: int) -> list[Question]:
    """Different questions on one video."""
    rows = [one_query("v", 40.0, f"a person opens door {number}", [Span(1.0, 2.0)]) for number in range(count)]
    return [Question(sample, "direct", rules, path) for sample in make_samples("t", rows)]


def ours(folder: Path, rules: Protocol, path: Path) -> tuple[Callable[[list[Question]], Any], int, int]:
    """How our model answers, the visual tokens of a prompt, and the parameters of its text tower."""
    model = hf.load(str(folder), rules, Options(device="cpu", dtype="float32"))
    chosen = model.rules
    model.rules = lambda decoding: dataclasses.replace(chosen(decoding), stop=frozenset())  # type: ignore[method-assign]

    def answer(questions: list[Question]) -> list[int]:
        replies = model.answer(read_frames(path, rules.video, model.pixel_factor), questions)
        return [-1 if isinstance(reply, Failure) else reply.new_tokens for reply in replies]

    frames = read_frames(path, rules.video, model.pixel_factor)
    rows, _ = model.inputs.build(frames, rules.prompt, ["q"], "cpu")
    text = model.model.model.language_model.num_parameters()
    return answer, rows[0].ids.count(model.model.config.video_token_id), text


def theirs(
    folder: Path, family: str, rules: Protocol, path: Path, limits: str, frames: int
) -> tuple[Callable[[list[Question]], Any], Callable[[], int]]:
    """How the class of lmms-eval answers, and the visual tokens of its last prompt."""
    opened = lmms.load(str(folder), family, False, rules, Options(device="cpu", model_args=limits))
    # The probe at loading has fewer frames than the video.
    opened.lm.max_num_frames = frames
    opened.lm.model.float()
    opened.lm.model.generation_config.min_new_tokens = rules.decoding.max_new_tokens
    ear = opened.lm.processor

    def answer(questions: list[Question]) -> list[int]:
        # A file that changed: our reader, which the class was given, remembers the pictures of the last one.
        os.utime(path)
        requests = [opened._request(path, q.text, rules.prompt, generation(rules.decoding)) for q in questions]
        for number, request in enumerate(requests):
            request.idx = number
        return [reply.token_counts.output_tokens for reply in opened.lm.generate_until(requests)]

    return answer, lambda: int((ear.gave["input_ids"][0] == opened.lm.model.config.video_token_id).sum())


def measured(family: str, folder: Path, options: Any) -> tuple[list[str], int, int]:
    """The ratios of a family by number of questions, its visual tokens, and the parameters of its text tower."""
    frames, new = (8, 4) if options.tiny else (FRAMES, NEW_TOKENS)
    checkpoint = tiny.build(folder / family, family, size=tiny.SMALL if options.tiny else SIZE)
    factor = 28 if family.startswith("qwen2") else 32
    rules, path = make_protocol(new), folder / f"{family}.mp4"
    make_video(path, PATCHES * factor, frames)
    limits = f"max_num_frames={min(frames, lmms.PROBE_FRAMES)},min_pixels={4 * factor**2},max_pixels={64 * factor**2}"
    mine, visual, text = ours(checkpoint, rules, path)
    peer, heard = theirs(checkpoint, family, rules, path, limits, frames)
    ratios = []
    for count in QUESTIONS:
        asked = make_questions(rules, path, count)
        if mine(asked) != [new] * count or peer(asked) != [new] * count or heard() != visual:
            found = f"{mine(asked)} and {peer(asked)}, {heard()}"
            raise ValueError(f"expected {new} new tokens on both sides and {visual} visual ones, found {found}")
        taken = seconds({"ours": lambda: mine(asked), "theirs": lambda: peer(asked)}, 1 if options.tiny else 2)  # noqa: B023
        sys.stderr.write(f"{family}, {count} questions: {taken}\n")
        ratios.append(f"{taken['theirs'] / taken['ours']:.1f}")
    return ratios, visual, text


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for family in FAMILIES:
            ratios, visual, text = measured(family, Path(folder), options)
            rows.append((family, *ratios))
    shown = table(("family", *(f"{count} question{'s' * (count > 1)}" for count in QUESTIONS)), rows)
    said = TEXT.format(visual, 4 if options.tiny else NEW_TOKENS, text / 1e6, torch.get_num_threads())
    packages = ("torch", "transformers", "lmms-eval", "qwen-vl-utils")
    show("against_lmms_eval", "Questions on a video against lmms-eval", f"{said}\n\n{shown}", options.write, *packages)
    wrong = [row for row in rows for count, least in TARGET.items() if float(row[1 + QUESTIONS.index(count)]) < least]
    if wrong and not options.tiny:
        sys.exit(f"below the target: {wrong}")


if __name__ == "__main__":
    main()
