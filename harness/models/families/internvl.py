"""InternVL 3 and 3.5 in the form of transformers (arXiv 2504.10479, 2508.18265): frames are numbered."""

from harness.models.families import Family, ticks

FAMILY = Family(
    title="InternVL 3, 3.5",
    types=("internvl",),
    clock="the number of each frame",
    told=None,
    metadata=ticks,
    slot="<video>",
    placeholder="<video>",
    video_slot="numbered pictures, a frame each",
    pictures=("<IMG_CONTEXT>", "<video>"),
    around=("<img>", "</img>"),
    ids=(("<IMG_CONTEXT>", "image_token_id"),),
    own_size=True,
)
