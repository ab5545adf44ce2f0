"""The untrained base: a real Qwen-VL architecture, with a vocabulary made for the synthetic benchmark."""

from typing import Any

import torch
from tokenizers import AddedToken

from harness.models import tiny
from harness.synthetic.scene import COLOURS, DURATIONS_S, SHAPES
from tasks.protocol import Protocol

FAMILIES = ("qwen3_vl", "qwen2_5_vl")
SIZE = tiny.Size(hidden=128, layers=3, heads=4, kv_heads=4, inner=192, vision_hidden=64, vision_layers=1, std=0.08)


def make(family: str, rules: Protocol, seed: int) -> tuple[Any, Any]:
    """A randomly initialized model and its processor; the same arguments give the same weights."""
    tokenizer = make_tokenizer(rules)
    config = tiny.make_config(family, tokenizer, SIZE)
    # A word's input embedding is also its output embedding: what a visual token is told to look like is what a query says.
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = True
    # Positions end below 200, so the slow frequencies of a long context would tell nothing apart.
    config.text_config.rope_parameters |= {"rope_theta": 1e4, "mrope_section": [6, 5, 5]}
    if family == "qwen3_vl":
        config.vision_config.deepstack_visual_indexes = []
        config.vision_config.num_position_embeddings = 16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return tiny.make_model(config), tiny.make_processor(family, tokenizer)


def make_tokenizer(rules: Protocol) -> Any:
    """A byte-level tokenizer that reads any text and has one token for every word and time of the synthetic benchmark."""
    words = " ".join(["", *COLOURS, *SHAPES, "shape"])
    corpus = ("system\n", "user\n", "assistant\n", *rules.prompt.modes.values(), words)
    tokenizer = tiny.make_tokenizer(corpus=corpus)
    longest_s = max(DURATIONS_S)
    times = [str(float(second)) for second in range(longest_s + 1)]
    stamps = [f"<{half / 2:.1f} seconds>" for half in range(2 * longest_s)]
    between = rules.answer.template.split("{start}")[1].split("{end}")[0]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in (*times, *stamps, between)])
    return tokenizer
