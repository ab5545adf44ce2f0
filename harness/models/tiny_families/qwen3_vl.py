"""A tiny Qwen3-VL, dense or of experts."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

SPECIAL = qwen.SPECIAL


def config(name: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    library: Any = transformers
    head = size.hidden // size.heads
    text = qwen.text(size, vocabulary, ids) | {"head_dim": head}
    text["rope_parameters"] = qwen.rope(head, rope_theta=5e6, mrope_interleaved=True)
    vision = vision_config(size) | {"deepstack_visual_indexes": [0]}
    if name == "qwen3_vl":
        return library.Qwen3VLConfig(**qwen.values(text, vision, ids))
    text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": size.inner // 2}
    return library.Qwen3VLMoeConfig(**qwen.values(text, vision, ids))


def vision_config(size: Size) -> dict[str, Any]:
    """A vision tower."""
    sizes = {"hidden_size": size.vision_hidden, "intermediate_size": 2 * size.vision_hidden, "out_hidden_size": size.hidden}
    return qwen.vision(size) | sizes | {"patch_size": 16, "num_position_embeddings": 64}


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    half = [0.5] * 3
    image = library.Qwen2VLImageProcessor(size=qwen.edges(32), patch_size=16, image_mean=half, image_std=half)
    video = library.Qwen3VLVideoProcessor(size=qwen.edges(32), cap_pixels_per_frame=True, max_video_tokens=64)
    parts = {"image_processor": image, "tokenizer": tokenizer, "video_processor": video}
    return library.Qwen3VLProcessor(**parts, chat_template=qwen.template())
