"""A tiny Gemma 4: a layer that sees a window before one that sees all."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

TOKENS = {
    "image_token": "<|image|>",
    "boi_token": "<|image>",
    "eoi_token": "<image|>",
    "audio_token": "<|audio|>",
    "boa_token": "<|audio>",
    "eoa_token": "<audio|>",
}
SPECIAL = (*qwen.SPECIAL, *TOKENS.values(), "<|video|>")


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    head = size.hidden // size.heads
    text = qwen.text(size, vocabulary, ids) | {"head_dim": head, "global_head_dim": 2 * head, "sliding_window": 64}
    text |= {"layer_types": ["sliding_attention"] * (size.layers - 1) + ["full_attention"]}
    text |= {"hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": text["vocab_size"]}
    text |= {"use_bidirectional_attention": "vision"}
    vision = {"hidden_size": size.vision_hidden, "intermediate_size": 2 * size.vision_hidden, "head_dim": 16}
    vision |= {"num_hidden_layers": size.vision_layers, "num_attention_heads": 2, "num_key_value_heads": 2}
    kind: Any = transformers.Gemma4Config
    return kind(
        text_config=text,
        vision_config=vision | {"position_embedding_size": 128, "initializer_range": size.std},
        boi_token_id=ids["<|image>"],
        eoi_token_id=ids["<image|>"],
        image_token_id=ids["<|image|>"],
        video_token_id=ids["<|video|>"],
        boa_token_id=ids["<|audio>"],
        eoa_token_index=ids["<audio|>"],
        audio_token_id=ids["<|audio|>"],
        tie_word_embeddings=False,
    )


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor."""
    library: Any = transformers
    return library.Gemma4Processor(
        feature_extractor=library.Gemma4AudioFeatureExtractor(),
        image_processor=library.Gemma4ImageProcessor(),
        tokenizer=tokenizer,
        video_processor=library.Gemma4VideoProcessor(),
        chat_template=qwen.template("<|image|>", "<|video|>"),
    )
