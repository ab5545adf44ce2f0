"""A tiny Qwen3.5: three layers with linear attention before one with full attention, dense or of experts."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen, qwen3_vl
from harness.models.tiny_size import Size

SPECIAL = qwen.SPECIAL


def config(name: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    head = size.hidden // size.heads
    text = qwen.text(size, vocabulary, ids) | {"head_dim": head, "num_hidden_layers": 4}
    text |= {"linear_key_head_dim": head, "linear_value_head_dim": head, "linear_conv_kernel_dim": 4}
    text |= {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
    rope = {"rope_type": "default", "rope_theta": 1e6, "partial_rotary_factor": 0.5}
    text["rope_parameters"] = rope | {"mrope_section": [head // 4 - 2, 1, 1], "mrope_interleaved": True}
    library: Any = transformers
    if name == "qwen3_5_moe":
        inner = size.inner // 2
        text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": inner}
        text |= {"shared_expert_intermediate_size": inner}
    kind = library.Qwen3_5MoeConfig if name == "qwen3_5_moe" else library.Qwen3_5Config
    return kind(**qwen.values(text, qwen3_vl.vision_config(size), ids))


def processor(_: str, tokenizer: Any) -> Any:
    """Its processor, which is Qwen3-VL's."""
    return qwen3_vl.processor("qwen3_vl", tokenizer)
