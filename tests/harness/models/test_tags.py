"""Tags that parsers read, in checkpoints whose tokenizer takes them for special tokens."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from harness.models import hf, tags
from harness.models.options import Options
from tasks.errors import InputError
from tasks.parsers import careful
from trainers import recipe as recipes
from trainers.dry_run.plan import empty_model
from trainers.training import Training

HIDDEN = ["<think>", "</think>", "<answer>", "</answer>"]
REPLY = "<think> from 1.0 to 2.0 </think>\n<answer> 3.0 to 7.0 </answer>"


@pytest.fixture
def hiding(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A checkpoint whose training made its tags special tokens."""
    folder = tmp_path / "hiding"
    shutil.copytree(checkpoints["qwen2_5_vl"], folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": HIDDEN})
    tokenizer.save_pretrained(folder)
    return folder


def test_a_reply_keeps_its_tags(hiding: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(hiding)
    ids = tokenizer(REPLY)["input_ids"] + [tokenizer.eos_token_id]
    assert "answer" not in tokenizer.decode(ids, skip_special_tokens=True), "or nothing is proved"
    assert tags.said(tokenizer, ids) == REPLY
    assert [(span.start_s, span.end_s) for span in careful.parse(tags.said(tokenizer, ids), ("answer",)).spans] == [(3, 7)]


def test_a_question_with_tags_is_asked(
    hiding: Path, make_protocol: Callable[..., Any], make_frames: Any, ask: Callable[..., Any]
) -> None:
    model = hf.load(str(hiding), make_protocol(), Options(device="cpu"))
    questions = ask()
    assert "<answer>" in questions[0].text
    assert all(hasattr(reply, "text") for reply in model.answer(make_frames("qwen2_5_vl"), questions))


def test_a_training_refuses_them_and_its_next_step_helps(hiding: Path, tmp_path: Path) -> None:
    training = Training(recipes.load("grpo", []), (), str(hiding), tmp_path)
    with pytest.raises(InputError, match="<think>, </think>, <answer>, </answer> among its special tokens"):
        empty_model(training)
    names = ("tokenizer.json", "tokenizer_config.json")
    vocabulary, settings = ((hiding / name, json.loads((hiding / name).read_text())) for name in names)
    for added in vocabulary[1]["added_tokens"]:
        added["special"] &= added["content"] not in HIDDEN
    settings[1]["extra_special_tokens"] = []
    for path, content in (vocabulary, settings):
        path.write_text(json.dumps(content))
    empty_model(training)
