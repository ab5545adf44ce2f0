"""VideoLLaMA3 (arXiv 2501.13106): the time before each frame, of which only what has changed is shown."""

from harness.models.families import Family, Stamps, ticks

FAMILY = Family(
    title="VideoLLaMA3",
    types=("video_llama_3",),
    clock="text timestamps: time of each frame",
    told=Stamps(r"Time (\d{1,9}\.\d)s:$"),
    metadata=ticks,
    slot="<|video_pad|>",
    placeholder="<|video_pad|>",
    video_slot="the changed parts of each frame, its time before them",
    pictures=("<|video_pad|>", "<|image_pad|>"),
    ids=(("<|video_pad|>", "video_token_id"), ("<|image_pad|>", "image_token_id")),
    arguments={"do_resize": False},
)
