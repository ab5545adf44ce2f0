"""The untrained base: a real Qwen-VL architecture, with a vocabulary made for the synthetic benchmark."""

from string import Formatter
from typing import Any

import torch
from tokenizers import AddedToken

from harness.models import tiny
from harness.synthetic.scene import COLOURS, DURATIONS_S, SHAPES
from tasks.answer import Answer
from tasks.sample import Sample
from trainers.base.curriculum import RULES

FAMILIES = ("qwen3_vl", "qwen2_5_vl")
SIZE = tiny.Size(hidden=128, layers=3, heads=4, kv_heads=4, inner=192, vision_hidden=64, vision_layers=1, std=0.08)


def make(family: str, seed: int) -> tuple[Any, Any]:
    """A randomly initialized model and its processor; the same arguments give the same weights."""
    tokenizer = make_tokenizer()
    config = tiny.make_config(family, tokenizer, SIZE)
    # A word's input embedding is also its output embedding: what a visual token is told to look like is what a query says.
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = True
    # Positions end below 200, so the slow frequencies of a long context would tell nothing apart.
    config.text_config.rope_parameters |= {"rope_theta": 1e4, "mrope_section": [6, 5, 5]}
    if hasattr(config.vision_config, "deepstack_visual_indexes"):
        config.vision_config.deepstack_visual_indexes = []
        config.vision_config.num_position_embeddings = 16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = tiny.make_model(config)
    for layer in model.model.language_model.layers:
        # Tokens then look at tokens like themselves: a word of the query at what is named by it.
        layer.self_attn.k_proj.load_state_dict(layer.self_attn.q_proj.state_dict())
    return model, tiny.make_processor(family, tokenizer)


def make_tokenizer() -> Any:
    """A byte-level tokenizer that reads any text.

    Every word of a question of the synthetic benchmark has one token, every time, and whatever stands around times in an answer.
    """
    asked = Sample(video="", duration_s=1.0, queries=("What colour is the large shape?",), truth=Answer(), options=("red",) * 4)
    prompts = [rules.question(asked, mode) for rules in RULES.values() for mode in rules.prompt.modes]
    words = " ".join(["", *COLOURS, *SHAPES, "shape"])
    tokenizer = tiny.make_tokenizer(corpus=("system\n", "user\n", "assistant\n", *prompts, words))
    longest_s = max(DURATIONS_S)
    times = [str(float(second)) for second in range(longest_s + 1)]
    stamps = [f"<{half / 2:.1f} seconds>" for half in range(2 * longest_s)]
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in (*times, *stamps, *_around())])
    return tokenizer


def _around() -> list[str]:
    """What answers say besides times and letters, each text once."""
    answers = [rules.answer for rules in RULES.values()]
    templates = [template for rules in answers for template in (rules.template, rules.span, rules.join)]
    return list(dict.fromkeys(text for template in templates for text, *_ in Formatter().parse(template) if text))
