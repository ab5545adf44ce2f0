"""A tiny Molmo2."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

MOLMO = (
    "<im_patch>", "<im_col>", "<im_start>", "<low_res_im_start>", "<frame_start>", "<im_end>", "<frame_end>", "<im_low>",
    "<|image|>", "<|video|>",
)  # fmt: skip
SPECIAL = (*qwen.SPECIAL, *MOLMO)
SIDE = 84


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    head, vision_head = size.hidden // size.heads, size.vision_hidden // 2
    shape = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": vision_head, "initializer_range": size.std}
    vision = {"hidden_size": size.vision_hidden, "intermediate_size": 2 * size.vision_hidden, **shape}
    kind: Any = transformers.Molmo2Config
    return kind(
        text_config=qwen.text(size, vocabulary, ids) | {"head_dim": head, "additional_vocab_size": 0},
        vision_config=vision | {"num_hidden_layers": size.vision_layers, "image_size": [SIDE, SIDE], "patch_size": 14},
        adapter_config=vision | {"vision_feature_layer": [-1], "text_hidden_size": size.hidden},
        image_start_token_id=ids["<im_start>"],
        low_res_image_start_token_id=ids["<low_res_im_start>"],
        image_end_token_id=ids["<im_end>"],
        image_patch_id=ids["<im_patch>"],
        frame_start_token_id=ids["<frame_start>"],
        frame_end_token_id=ids["<frame_end>"],
    )


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    size = {"height": SIDE, "width": SIDE}
    return library.Molmo2Processor(
        image_processor=library.Molmo2ImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=library.Molmo2VideoProcessor(size=size),
        chat_template=qwen.template("<|image|>", "<|video|>"),
    )
