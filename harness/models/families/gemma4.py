"""Gemma 4: minutes and seconds before each frame."""

from harness.models.families import Family, Stamps, ticks

FAMILY = Family(
    title="Gemma 4",
    types=("gemma4",),
    clock="text timestamps: minutes and whole seconds of each frame",
    told=Stamps(r"(?:^|\D)(\d{2,7}):(\d{2}) ?$"),
    metadata=ticks,
    slot="<|video|>",
    placeholder="<|video|>",
    video_slot="a picture for each frame, its time before it",
    pictures=("<|video|>", "<|image|>"),
    around=("<|image>", "<image|>"),
    ids=(("<|video|>", "video_token_id"), ("<|image|>", "image_token_id")),
    own_size=True,
)
