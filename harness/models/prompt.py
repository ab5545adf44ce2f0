"""Prompts of Qwen-VL models: the video expanded once, its token ids spliced into every question's."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from harness.frames import Frames
from harness.models import clock, families, tags
from harness.models.chat import messages
from harness.models.families import Family, Positions
from harness.models.families.qwen2_vl import PAD, START
from harness.models.families.qwen2_vl import SLOT as SLOT
from tasks.errors import Failure, InputError
from tasks.rules import PromptRules


@dataclass(frozen=True)
class Video:
    """A video as the processor hands it to the model.

    Attributes:
        lead: Text before the first visual block (Qwen3-VL's first timestamp).
        ids: Token ids from the first `<|vision_start|>` to the last `<|vision_end|>`.
        pixels: `(patches, values)`.
        grid: `(1, 3)` temporal patches, rows and columns before merging.
        seconds: Of a temporal patch, where the processor gives them.
        apart: Whether each temporal patch stands in a block of its own, where the family's rule of positions has one for all.
    """

    lead: str
    ids: tuple[int, ...]
    pixels: torch.Tensor
    grid: torch.Tensor
    seconds: float | None
    apart: bool = False


def encode(processor: Any, family: str, frames: Frames, device: str) -> Video:
    """Run the processor on frames that already have their final size and number."""
    known = families.of(family)
    inputs = processor(
        text=[known.placeholder],
        videos=[frames.pixels],
        video_metadata=[clock.metadata(family, frames)],
        do_sample_frames=False,
        **known.arguments,
        input_data_format="channels_last",
        device=device,
        return_tensors="pt",
    )
    ids = inputs["input_ids"][0].tolist()
    first = ids.index(processor.tokenizer.convert_tokens_to_ids(START))
    seconds = float(inputs["second_per_grid_ts"][0]) if isinstance(known.told, Positions) else None
    lead = processor.tokenizer.decode(ids[:first])
    return Video(lead, tuple(ids[first:]), inputs["pixel_values_videos"], inputs["video_grid_thw"], seconds)


def written(time_s: float) -> str:
    """The text before a frame under a protocol with `times = "text"`; `clock.WRITTEN` reads it back."""
    return f"Frame at {time_s:.1f}s:"


def timed(video: Video, tokenizer: Any, frames: Frames) -> Video:
    """The video with each temporal patch in a block of its own behind its mean time, as Qwen3-VL has them."""
    patches = int(video.grid[0, 0])
    times = frames.time_s.reshape(patches, -1).mean(axis=1)
    start, *pads, end = video.ids
    block = [start, *pads[: len(pads) // patches], end]
    ids = [*block]
    for text in tokenizer([written(time) for time in times], add_special_tokens=False)["input_ids"][1:]:
        ids += [*text, *block]
    return replace(video, lead=video.lead + written(times[0]), ids=tuple(ids), apart=True)


def special_token(processor: Any, text: str, family: Family | None = None) -> Failure | None:
    """A failure if the text contains a special token, or one that stands for a picture: it changes the prompt's structure."""
    special = [*tags.special(processor.tokenizer).values(), *(() if family is None else (*family.pictures, *family.around))]
    inside = next((token for token in special if token in text), None)
    return None if inside is None else Failure("special-token", f"the question contains {inside}")


def render(processor: Any, prompt: PromptRules, text: str, slot: str = SLOT) -> tuple[str, str]:
    """The prompt before and after the slot of the video. Raises InputError if the chat template is unlike the family's."""
    said = messages(prompt, {"type": "video"}, text)
    rendered = processor.apply_chat_template(said, tokenize=False, add_generation_prompt=True) + prompt.prefill
    before, found, after = rendered.partition(slot)
    if not found or (PAD if slot == SLOT else slot) in before + after:
        raise InputError(f"a chat template that writes one {slot} for a video", rendered[:400], "use the family's own template")
    for part in (text, prompt.system or ""):
        if part.strip() not in rendered:
            shown = f"{part[:200]!r} is not in {rendered[:400]!r}"
            raise InputError("a chat template that writes what it is told", shown, "use the family's own template")
    return before, after


def splice(tokenizer: Any, before: str, video: Video, after: str) -> list[int]:
    """Token ids of a whole prompt. Text is split only at special tokens, where the tokenizer splits it anyway."""
    head, tail = tokenizer([before + video.lead, after], add_special_tokens=False)["input_ids"]
    return [*head, *video.ids, *tail]


def texts_before_blocks(tokenizer: Any, ids: list[int]) -> list[str]:
    """The text that stands before each visual block of a prompt of Qwen3-VL, decoded from its token ids."""
    return clock.texts_beside(tokenizer, ids, families.of("qwen3_vl"), "before")
