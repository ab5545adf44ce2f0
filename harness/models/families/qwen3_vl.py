"""Qwen3-VL (arXiv 2511.21631): each temporal patch is a block with its time in seconds before it."""

from harness.models.families import Family, Stamps, ticks
from harness.models.families.qwen2_vl import AROUND, IDS, PAD, PICTURES, SLOT, UNCHANGED

STAMPS = Stamps(r"<(\d{1,9}\.\d) seconds>$", of="mean", frames=2)
CLOCK = "text timestamps: mean time of each temporal patch"
IN_SLOT = "timestamped blocks replace the template's slot, as released; transformers 5 keeps an outer start and end"


FAMILY = Family(
    title="Qwen3-VL",
    types=("qwen3_vl", "qwen3_vl_moe"),
    clock=CLOCK,
    told=STAMPS,
    metadata=ticks,
    # At the release the timestamped blocks took the place of the whole slot; transformers 5 keeps the slot's own start and end
    # around them, which no released checkpoint was trained on. A bare pad gives the original text.
    slot=SLOT,
    placeholder=PAD,
    video_slot=IN_SLOT,
    pictures=PICTURES,
    around=AROUND,
    ids=IDS,
    arguments=UNCHANGED,
    blocks=True,
    exact=True,
)
