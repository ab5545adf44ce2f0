"""A tiny SmolVLM2. Its processor wants the package num2words."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

SMOL = ("<image>", "<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
SPECIAL = (*qwen.SPECIAL, *SMOL)
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
        "image_size": SIDE,
        "patch_size": 14,
        "initializer_range": size.std,
    }
    kind: Any = transformers.SmolVLMConfig
    return kind(
        text_config=qwen.text(size, vocabulary, ids) | {"model_type": "llama", "head_dim": size.hidden // size.heads},
        vision_config=vision,
        image_token_id=ids["<image>"],
        scale_factor=2,
        tie_word_embeddings=False,
    )


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    edge = {"longest_edge": SIDE}
    image = library.SmolVLMImageProcessor(size=edge, max_image_size=edge)
    video = library.SmolVLMVideoProcessor(size=edge, max_image_size=edge)
    parts = {"image_processor": image, "tokenizer": tokenizer, "video_processor": video}
    return library.SmolVLMProcessor(**parts, image_seq_len=4, chat_template=qwen.template("<image>", "<video>"))
