"""A tiny Qwen2.5-VL."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen, qwen2_vl
from harness.models.tiny_size import Size

SPECIAL = qwen.SPECIAL


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    text = qwen.text(size, vocabulary, ids)
    text["rope_parameters"] = qwen.rope(size.hidden // size.heads, rope_theta=1e6)
    sizes = {"hidden_size": size.vision_hidden, "intermediate_size": 2 * size.vision_hidden, "out_hidden_size": size.hidden}
    kinds = {"patch_size": 14, "window_size": 56, "fullatt_block_indexes": [size.vision_layers - 1], "tokens_per_second": 2}
    kind: Any = transformers.Qwen2_5_VLConfig
    return kind(**qwen.values(text, qwen.vision(size) | sizes | kinds, ids))


def processor(name: str, tokenizer: Any) -> Any:
    """Its processor."""
    return qwen2_vl.processor(name, tokenizer, transformers.Qwen2_5_VLProcessor)
