"""Tiny random checkpoints with a real tokenizer, processor and chat template: the whole path, without a download.

python -m harness.models.tiny FOLDER --family qwen2_5_vl
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers import models as tokenizer_models
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from harness.models.checkpoint import FAMILIES
from tasks.errors import InputError

MARK = "tiny.json"
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
CORPUS = (
    "system\nYou are a helpful assistant.",
    "user\n",
    "assistant\n",
    "<think> the person opens the door </think>\n<answer> 12.54 to 17.83 </answer>",
    "<timestep> 3.5 to 9.25 </timestep>",
    'To accurately pinpoint the event "" in the video, determine the precise time period of the event.',
    'Provide the start and end times (in seconds, precise to two decimal places) in the format "start time to end time"',
    'within the <answer> </answer> tags. For example: "12.54 to 17.83".',
    "Output your thought process within the <think> </think> tags, including analysis with either specific timestamps (xx.xx)",
    "or time ranges (xx.xx to xx.xx) in <timestep> </timestep> tags. Then, provide the start and end times.",
    "the person opens a door and the dog jumps over two chairs, then someone laughs at the window",
    "<0.3 seconds>",
)
_SYSTEM = (
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
)
_TEMPLATE = (
    "{% for message in messages %}DEFAULT_SYSTEM<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Size:
    """Widths and depths of the text tower and of the vision tower; the defaults give about 0.4 M parameters.

    `inner` is the width of the text tower's feed-forward layers. The standard deviation `std` of the random weights is large
    enough that replies depend on the prompt.
    """

    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    inner: int = 128
    vision_hidden: int = 32
    vision_layers: int = 2
    std: float = 0.1


SMALL = Size()


def build(folder: Path, family: str, seed: int = 0, size: Size = SMALL) -> Path:
    """Write a checkpoint that loads through `AutoProcessor` and `AutoModelForImageTextToText`, and return its folder.

    The same arguments give the same bytes. A folder written by an earlier call is written again. Raises InputError where the
    family is unknown, or the folder holds something else.
    """
    if family not in FAMILIES:
        raise InputError(f"one of {', '.join(FAMILIES)}", family, f"python -m harness.models.tiny {folder} --family qwen2_5_vl")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError("an empty folder, or one with a tiny checkpoint", str(folder), "name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps({"family": family, "seed": seed, "size": asdict(size)}) + "\n", encoding="utf-8")
    tokenizer = make_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make_model(make_config(family, tokenizer, size))
    model.save_pretrained(folder)
    make_processor(family, tokenizer).save_pretrained(folder)
    return folder


def make_tokenizer(size: int = 1024, corpus: Sequence[str] = CORPUS) -> Any:
    """A byte-level BPE tokenizer with the special tokens of Qwen-VL; every digit and every word of the corpus is one token."""
    trained = Tokenizer(tokenizer_models.BPE())
    trained.normalizer = normalizers.NFC()
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size - len(SPECIAL), initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator([*corpus] * 20, trainer)
    model = json.loads(trained.to_str())["model"]
    kind: Any = transformers.Qwen2Tokenizer
    return kind(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]),
        padding_side="left",
        model_max_length=32768,
    )


def make_config(family: str, tokenizer: Any, size: Size) -> Any:
    """A configuration with the family's position and vision settings."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    values = {
        "text_config": _text(family, size, len(tokenizer), ids),
        "vision_config": _vision(family, size),
        "tie_word_embeddings": False,
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }
    return _classes(family)[0](**values)


def make_model(config: Any) -> Any:
    """A randomly initialized float32 model (seeded by the caller) that stops where the family's models stop."""
    model = _classes(config.model_type)[1](config)
    text, generation = config.text_config, cast(Any, transformers.GenerationConfig)
    model.generation_config = generation(
        eos_token_id=[text.eos_token_id, text.pad_token_id], pad_token_id=text.pad_token_id, bos_token_id=text.bos_token_id
    )
    return model


def make_processor(family: str, tokenizer: Any) -> Any:
    """The family's processor: real image and video processors, the tokenizer and a chat template."""
    patch, side = (14, 28) if family.startswith("qwen2") else (16, 32)
    edges = {"shortest_edge": 4 * side * side, "longest_edge": 64 * side * side}
    library: Any = transformers
    if family.startswith("qwen2"):
        image = library.Qwen2VLImageProcessor(size=edges, patch_size=patch)
        video = library.Qwen2VLVideoProcessor(size=edges, do_sample_frames=False, cap_pixels_per_frame=False)
        kind, system = library.Qwen2VLProcessor if family == "qwen2_vl" else library.Qwen2_5_VLProcessor, _SYSTEM
    else:
        half = [0.5] * 3
        image = library.Qwen2VLImageProcessor(size=edges, patch_size=patch, image_mean=half, image_std=half)
        video = library.Qwen3VLVideoProcessor(size=edges, cap_pixels_per_frame=True, max_video_tokens=64)
        kind, system = library.Qwen3VLProcessor, ""
    template = _TEMPLATE.replace("DEFAULT_SYSTEM", system)
    return kind(image_processor=image, tokenizer=tokenizer, video_processor=video, chat_template=template)


def _classes(family: str) -> tuple[Any, Any]:
    stem = {"qwen2_vl": "Qwen2VL", "qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL", "qwen3_vl_moe": "Qwen3VLMoe"}[family]
    return getattr(transformers, f"{stem}Config"), getattr(transformers, f"{stem}ForConditionalGeneration")


def _text(family: str, size: Size, vocabulary: int, ids: dict[str, int]) -> dict[str, Any]:
    head = size.hidden // size.heads
    spatial = head * 3 // 16
    rope: dict[str, Any] = {"rope_type": "default", "mrope_section": [head // 2 - 2 * spatial, spatial, spatial]}
    rope |= {"rope_theta": 1e6} if family.startswith("qwen2") else {"rope_theta": 5e6, "mrope_interleaved": True}
    text: dict[str, Any] = {
        "vocab_size": (vocabulary + 63) // 64 * 64,
        "hidden_size": size.hidden,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": 32768,
        "initializer_range": size.std,
        "rope_parameters": rope,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    text |= {"head_dim": head} if family.startswith("qwen3") else {}
    if family == "qwen3_vl_moe":
        text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": size.inner // 2}
    return text


def _vision(family: str, size: Size) -> dict[str, Any]:
    common: dict[str, Any] = {"depth": size.vision_layers, "num_heads": 2, "spatial_merge_size": 2, "temporal_patch_size": 2}
    common |= {"initializer_range": size.std}
    if family == "qwen2_vl":
        return common | {"embed_dim": size.vision_hidden, "hidden_size": size.hidden, "mlp_ratio": 2, "patch_size": 14}
    common |= {"hidden_size": size.vision_hidden, "intermediate_size": 2 * size.vision_hidden, "out_hidden_size": size.hidden}
    if family == "qwen2_5_vl":
        last = size.vision_layers - 1
        return common | {"patch_size": 14, "window_size": 56, "fullatt_block_indexes": [last], "tokens_per_second": 2}
    return common | {"patch_size": 16, "deepstack_visual_indexes": [0], "num_position_embeddings": 64}


def main(arguments: list[str] | None = None) -> None:
    """Command line: write one tiny checkpoint."""
    parser = argparse.ArgumentParser(description="Write a tiny random checkpoint.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{build(options.folder, options.family, options.seed)}\n")


if __name__ == "__main__":
    main()
