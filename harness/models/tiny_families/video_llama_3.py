"""A tiny VideoLLaMA3."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

SPECIAL = qwen.SPECIAL


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    vision: dict[str, Any] = {
        "hidden_size": size.vision_hidden,
        "num_hidden_layers": size.vision_layers,
        "num_attention_heads": 2,
    }
    vision |= {
        "intermediate_size": 2 * size.vision_hidden,
        "patch_size": 14,
        "initializer_range": size.std,
    }
    kind: Any = transformers.VideoLlama3Config
    return kind(
        text_config=qwen.text(size, vocabulary, ids) | {"model_type": "qwen2"},
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        tie_word_embeddings=False,
    )


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    return library.VideoLlama3Processor(
        image_processor=library.VideoLlama3ImageProcessor(),
        tokenizer=tokenizer,
        video_processor=library.VideoLlama3VideoProcessor(),
        chat_template=qwen.template("<|image_pad|>\n", "<|video_pad|>\n"),
    )
