"""A tiny Qwen2-VL."""

from typing import Any

import transformers

from harness.models.tiny_families import qwen
from harness.models.tiny_size import Size

SPECIAL = qwen.SPECIAL


def config(_: str, size: Size, vocabulary: int, ids: dict[str, int]) -> Any:
    """Its configuration."""
    text = qwen.text(size, vocabulary, ids)
    text["rope_parameters"] = qwen.rope(size.hidden // size.heads, rope_theta=1e6)
    sizes = {"embed_dim": size.vision_hidden, "hidden_size": size.hidden, "mlp_ratio": 2, "patch_size": 14}
    kind: Any = transformers.Qwen2VLConfig
    return kind(**qwen.values(text, qwen.vision(size) | sizes, ids))


def processor(_: str, tokenizer: Any, kind: Any = transformers.Qwen2VLProcessor) -> Any:
    """Its processor, or that of Qwen2.5-VL, which has the same parts."""
    library: Any = transformers
    image = library.Qwen2VLImageProcessor(size=qwen.edges(28), patch_size=14)
    video = library.Qwen2VLVideoProcessor(size=qwen.edges(28), do_sample_frames=False, cap_pixels_per_frame=False)
    template = qwen.template(default_system=qwen.DEFAULT_SYSTEM)
    return kind(image_processor=image, tokenizer=tokenizer, video_processor=video, chat_template=template)
