"""A tiny GLM-4.1V, GLM-4.5V or GLM-4.6V."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

GLM = ("<|image|>", "<|video|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>")
SPECIAL = (*qwen.SPECIAL, *GLM)


def config(name: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    head = size.hidden // size.heads
    text = qwen.text(size, vocabulary, ids) | {"head_dim": head}
    text["rope_parameters"] = {
        "rope_type": "default",
        "rope_theta": 1e4,
        "partial_rotary_factor": 0.5,
        "mrope_section": [head // 4 - 2, 1, 1],
    }
    sizes = {"hidden_size": size.vision_hidden, "intermediate_size": 2 * size.vision_hidden, "out_hidden_size": size.hidden}
    library: Any = transformers
    if name == "glm4v_moe":
        text |= {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": size.inner // 2}
        text |= {"first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
    kind = {"glm4v": library.Glm4vConfig, "glm4v_moe": library.Glm4vMoeConfig, "glm46v": library.Glm46VConfig}[name]
    return kind(
        text_config=text,
        vision_config=qwen.vision(size) | sizes | {"patch_size": 14, "image_size": 56},
        tie_word_embeddings=False,
        image_token_id=ids["<|image|>"],
        video_token_id=ids["<|video|>"],
        image_start_token_id=ids["<|begin_of_image|>"],
        image_end_token_id=ids["<|end_of_image|>"],
        video_start_token_id=ids["<|begin_of_video|>"],
        video_end_token_id=ids["<|end_of_video|>"],
    )


def processor(name: str, tokenizer: Any) -> Any:
    """Its processor."""
    stem = "Glm46V" if name == "glm46v" else "Glm4v"
    image, video, whole = (getattr(transformers, f"{stem}{part}") for part in ("ImageProcessor", "VideoProcessor", "Processor"))
    slots = ["<|begin_of_image|><|image|><|end_of_image|>", "<|begin_of_video|><|video|><|end_of_video|>"]
    parts = {"image_processor": image(), "tokenizer": tokenizer, "video_processor": video()}
    return whole(**parts, chat_template=qwen.template(*slots))
