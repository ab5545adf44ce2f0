"""Qwen2.5-VL (arXiv 2502.13923) and what was made of it, as MiMo-VL: temporal positions count seconds."""

from harness.models.families import Family, Positions
from harness.models.families.qwen2_vl import AROUND, IDS, IN_SLOT, PICTURES, SLOT, UNCHANGED, rate

FAMILY = Family(
    title="Qwen2.5-VL",
    types=("qwen2_5_vl",),
    clock="temporal positions: floor(patch * seconds per patch * tokens per second)",
    told=Positions("tokens_per_second"),
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
