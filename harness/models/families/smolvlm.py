"""SmolVLM2 (arXiv 2504.05299): minutes and seconds before each frame."""

from harness.models.families import Family, Stamps, ticks

FAMILY = Family(
    title="SmolVLM2",
    types=("smolvlm",),
    clock="text timestamps: minutes and whole seconds of each frame",
    told=Stamps(r"Frame from (\d{2,7}):(\d{2}):$"),
    metadata=ticks,
    slot="<video>",
    placeholder="<video>",
    video_slot="a picture for each frame, its time before it",
    pictures=("<image>", "<video>"),
    around=("<fake_token_around_image>", "<global-img>"),
    ids=(("<image>", "image_token_id"),),
    own_size=True,
    since=(5, 23),
)
