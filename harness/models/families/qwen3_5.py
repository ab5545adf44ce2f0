"""Qwen3.5: the processor of Qwen3-VL before a text tower most of whose layers have linear attention."""

from harness.models.families import Family, ticks
from harness.models.families.qwen2_vl import AROUND, IDS, PAD, PICTURES, SLOT, UNCHANGED
from harness.models.families.qwen3_vl import CLOCK, IN_SLOT, STAMPS

FAMILY = Family(
    title="Qwen3.5",
    types=("qwen3_5", "qwen3_5_moe"),
    clock=CLOCK,
    told=STAMPS,
    metadata=ticks,
    slot=SLOT,
    placeholder=PAD,
    video_slot=IN_SLOT,
    pictures=PICTURES,
    around=AROUND,
    ids=IDS,
    arguments=UNCHANGED,
    blocks=True,
)
