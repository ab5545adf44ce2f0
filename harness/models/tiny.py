"""Tiny random checkpoints with a real tokenizer, processor and chat template: the whole path, without a download.

python -m harness.models.tiny FOLDER --family qwen2_5_vl
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers import models as tokenizer_models
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from harness.models import families
from harness.models.checkpoint import FAMILIES as FAMILIES
from harness.models.tiny_families.qwen import SPECIAL
from harness.models.tiny_size import SMALL
from harness.models.tiny_size import Size as Size
from tasks.errors import InputError

MARK = "tiny.json"
NAMES = tuple(name for family in families.every() for name in family.types)
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


def build(folder: Path, family: str, seed: int = 0, size: Size = SMALL) -> Path:
    """Write a checkpoint that loads through `AutoProcessor` and `AutoModelForImageTextToText`, and return its folder.

    The same arguments give the same bytes. A folder written by an earlier call is written again. Raises InputError where the
    family is unknown, or the folder holds something else.
    """
    shape = _shape(family)
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError("an empty folder, or one with a tiny checkpoint", str(folder), "name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps({"family": family, "seed": seed, "size": asdict(size)}) + "\n", encoding="utf-8")
    tokenizer = make_tokenizer(special=shape.SPECIAL, named=getattr(shape, "TOKENS", None))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make_model(make_config(family, tokenizer, size))
    model.save_pretrained(folder)
    make_processor(family, tokenizer).save_pretrained(folder)
    return folder


def make_tokenizer(
    size: int = 1024, corpus: Sequence[str] = CORPUS, special: Sequence[str] = SPECIAL, named: Mapping[str, str] | None = None
) -> Any:
    """A byte-level BPE tokenizer with these special tokens, some by name; every digit and every word of the corpus is a token."""
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
    trainer = trainers.BpeTrainer(vocab_size=size - len(special), initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator([*corpus] * 20, trainer)
    model = json.loads(trained.to_str())["model"]
    kind: Any = transformers.Qwen2Tokenizer
    return kind(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(special[1:]),
        padding_side="left",
        model_max_length=32768,
        **(named or {}),
    )


def make_config(family: str, tokenizer: Any, size: Size) -> Any:
    """A configuration with the family's position and vision settings."""
    shape = _shape(family)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in shape.SPECIAL}
    return shape.config(family, size, len(tokenizer), ids)


def make_model(config: Any) -> Any:
    """A randomly initialized float32 model (seeded by the caller) that stops where the family's models stop."""
    models: Any = transformers.AutoModelForImageTextToText
    model = models.from_config(config)
    text, generation = config.text_config, cast(Any, transformers.GenerationConfig)
    model.generation_config = generation(
        eos_token_id=[text.eos_token_id, text.pad_token_id], pad_token_id=text.pad_token_id, bos_token_id=text.bos_token_id
    )
    return model


def make_processor(family: str, tokenizer: Any) -> Any:
    """The family's processor: real image and video processors, the tokenizer and a chat template."""
    return _shape(family).processor(family, tokenizer)


def _shape(family: str) -> Any:
    """The module with the shape of a family's tiny models."""
    return importlib.import_module(f"harness.models.tiny_families.{families.of(family).types[0]}")


def main(arguments: list[str] | None = None) -> None:
    """Command line: write one tiny checkpoint."""
    parser = argparse.ArgumentParser(description="Write a tiny random checkpoint.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=NAMES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    sys.stdout.write(f"{build(options.folder, options.family, options.seed)}\n")


if __name__ == "__main__":
    main()
