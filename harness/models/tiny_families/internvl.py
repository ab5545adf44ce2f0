"""A tiny InternVL 3."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

TOKENS = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
SPECIAL = (*qwen.SPECIAL, *TOKENS.values())
SIDE = 56


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    vision: dict[str, Any] = {
        "hidden_size": size.vision_hidden,
        "num_hidden_layers": size.vision_layers,
        "num_attention_heads": 2,
    }
    vision |= {
        "intermediate_size": 2 * size.vision_hidden,
        "image_size": [SIDE, SIDE],
        "patch_size": [14, 14],
    }
    kind: Any = transformers.InternVLConfig
    return kind(
        text_config=qwen.text(size, vocabulary, ids) | {"model_type": "qwen2"},
        vision_config=vision | {"initializer_range": size.std, "layer_scale_init_value": 1.0},
        image_token_id=ids["<IMG_CONTEXT>"],
        downsample_ratio=0.5,
        tie_word_embeddings=False,
    )


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    size = {"height": SIDE, "width": SIDE}
    return library.InternVLProcessor(
        image_processor=library.GotOcr2ImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=library.InternVLVideoProcessor(size=size),
        image_seq_length=4,
        chat_template=qwen.template("<IMG_CONTEXT>\n", "<video>\n"),
    )
