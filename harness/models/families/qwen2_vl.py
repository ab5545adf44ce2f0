"""Qwen2-VL (arXiv 2409.12191): temporal positions count patches, so that no seconds reach the model."""

import math
from typing import Any

from harness.frames import Frames
from harness.models.families import Family

START, PAD, END = "<|vision_start|>", "<|video_pad|>", "<|vision_end|>"
SLOT = START + PAD + END
PICTURES, AROUND = (PAD, "<|image_pad|>"), (START, END)
IDS = ((PAD, "video_token_id"), (START, "vision_start_token_id"), (END, "vision_end_token_id"))
IN_SLOT = "placeholders inside the template's slot"
UNCHANGED = {"do_resize": False, "cap_pixels_per_frame": False}


def rate(frames: Frames) -> dict[str, Any]:
    """Metadata for a processor that divides the temporal patch size by the sampled rate: `fps`, where every index is given.

    Without it, Qwen2.5-VL's silently assumes 24 frames per second.
    """
    count = len(frames.time_s)
    # A video of one frame has no interval, and any number of frames in no time.
    fps = 1.0 / frames.interval_s if frames.interval_s else math.inf
    return {"total_num_frames": count, "fps": fps, "frames_indices": list(range(count))}


FAMILY = Family(
    title="Qwen2-VL",
    types=("qwen2_vl",),
    clock="frame order only",
    told=None,
    metadata=rate,
    slot=SLOT,
    placeholder=SLOT,
    video_slot=IN_SLOT,
    pictures=PICTURES,
    around=AROUND,
    ids=IDS,
    arguments=UNCHANGED,
    exact=True,
)
