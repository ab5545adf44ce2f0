"""What tiny models of the Qwen-VL families have in common."""

from typing import Any

from harness.models.tiny_size import Size

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
DEFAULT_SYSTEM = (
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
)
IMAGE, VIDEO = (f"<|vision_start|><|{kind}_pad|><|vision_end|>" for kind in ("image", "video"))


def template(image: str = IMAGE, video: str = VIDEO, default_system: str = "") -> str:
    """A chat template of Qwen's form, with these slots for pictures."""
    return (
        f"{{% for message in messages %}}{default_system}<|im_start|>{{{{ message['role'] }}}}\n"
        "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
        f"{{% if part['type'] == 'image' %}}{image}{{% elif part['type'] == 'video' %}}{video}"
        "{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def text(size: Size, vocabulary: int, ids: dict[str, int]) -> dict[str, Any]:
    """A text tower, without rotary positions."""
    return {
        "vocab_size": (vocabulary + 63) // 64 * 64,
        "hidden_size": size.hidden,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": 32768,
        "initializer_range": size.std,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }


def rope(head: int, **values: Any) -> dict[str, Any]:
    """Rotary settings with three axes for heads of this width."""
    spatial = head * 3 // 16
    return {"rope_type": "default", "mrope_section": [head // 2 - 2 * spatial, spatial, spatial], **values}


def vision(size: Size) -> dict[str, Any]:
    """What the vision towers have in common."""
    return {
        "depth": size.vision_layers,
        "num_heads": 2,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "initializer_range": size.std,
    }


def values(text_config: dict[str, Any], vision_config: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    """The keys of a configuration."""
    return {
        "text_config": text_config,
        "vision_config": vision_config,
        "tie_word_embeddings": False,
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }


def edges(side: int) -> dict[str, int]:
    """Smallest and largest number of pixels, for visual tokens of `side` pixels."""
    return {"shortest_edge": 4 * side * side, "longest_edge": 64 * side * side}
