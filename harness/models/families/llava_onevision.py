"""LLaVA-OneVision (arXiv 2408.03326): the frames' tokens in one run."""

from harness.models.families import Family, ticks

FAMILY = Family(
    title="LLaVA-OneVision",
    types=("llava_onevision",),
    clock="frame order only",
    told=None,
    metadata=ticks,
    slot="<video>",
    placeholder="<video>",
    video_slot="all frames in one run",
    pictures=("<video>", "<image>"),
    ids=(("<video>", "video_token_id"), ("<image>", "image_token_id")),
    own_size=True,
)
