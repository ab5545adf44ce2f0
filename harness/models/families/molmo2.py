"""Molmo2: the time before each frame."""

from harness.models.families import Family, Stamps, ticks

FAMILY = Family(
    title="Molmo2",
    types=("molmo2",),
    clock="text timestamps: time of each frame",
    told=Stamps(r"(?:^|\D)(\d{1,9}\.\d) $"),
    metadata=ticks,
    slot="<|video|>",
    placeholder="<|video|>",
    video_slot="a picture for each frame, its time before it",
    pictures=("<im_patch>", "<|video|>", "<|image|>", "<im_low>"),
    around=("<frame_start>", "<frame_end>", "<im_start>", "<im_end>", "<im_col>", "<low_res_im_start>"),
    ids=(
        ("<im_patch>", "image_patch_id"),
        ("<frame_start>", "frame_start_token_id"),
        ("<frame_end>", "frame_end_token_id"),
    ),
    own_size=True,
    since=(5, 20),
)
