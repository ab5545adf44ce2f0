"""A tiny LLaVA-OneVision."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

SPECIAL = (*qwen.SPECIAL, "<image>", "<video>")
SIDE = 56


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    vision = {"model_type": "siglip_vision_model", "hidden_size": size.vision_hidden, "num_hidden_layers": size.vision_layers}
    vision |= {"num_attention_heads": 2, "intermediate_size": 2 * size.vision_hidden, "image_size": SIDE, "patch_size": 14}
    kind: Any = transformers.LlavaOnevisionConfig
    return kind(
        text_config=qwen.text(size, vocabulary, ids) | {"model_type": "qwen2"},
        vision_config=vision | {"vision_use_head": False, "initializer_range": size.std},
        image_token_index=ids["<image>"],
        video_token_index=ids["<video>"],
        tie_word_embeddings=False,
    )


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    size = {"height": SIDE, "width": SIDE}
    return library.LlavaOnevisionProcessor(
        image_processor=library.LlavaOnevisionImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=library.LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=16,
        vision_feature_select_strategy="full",
        chat_template=qwen.template("<image>\n", "<video>\n"),
    )
