"""GLM-4.1V, 4.5V (arXiv 2507.01006) and 4.6V: the time of every two frames behind their picture.

The processor of GLM-4.1V and 4.5V cuts times to whole seconds, that of GLM-4.6V writes tenths; a checkpoint may have either.
"""

from harness.models.families import Family, Stamps, ticks

AROUND = ("<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>")
IDS = (
    ("<|video|>", "video_token_id"),
    ("<|image|>", "image_token_id"),
    ("<|begin_of_video|>", "video_start_token_id"),
    ("<|end_of_video|>", "video_end_token_id"),
)
IN_SLOT = "a picture for every two frames, its time behind it"
STAMPS = Stamps(r"^(\d{1,9}(?:\.\d)?)(?: seconds)?$", side="after", frames=2)


FAMILY = Family(
    title="GLM-4.1V, 4.5V, 4.6V",
    types=("glm4v", "glm4v_moe", "glm46v"),
    clock="text timestamps: time of the first of every two frames",
    told=STAMPS,
    metadata=ticks,
    slot="<|video|>",
    placeholder="<|video|>",
    video_slot=IN_SLOT,
    pictures=("<|image|>", "<|video|>"),
    around=AROUND,
    ids=IDS,
    arguments={"do_resize": False},
)
