import hashlib
from pathlib import Path

import pytest
from transformers import AutoModelForImageTextToText, AutoProcessor

from harness.models import tiny
from tasks.errors import InputError


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_loads_as_a_real_checkpoint_does(family: str, checkpoints: dict[str, Path]) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoints[family], use_safetensors=True)
    processor = AutoProcessor.from_pretrained(checkpoints[family])
    assert model.config.model_type == family
    assert model.num_parameters() < 1e6
    assert processor.video_token_id == model.config.video_token_id
    assert type(processor.video_processor).__name__.endswith("VideoProcessor")


def test_same_seed_same_bytes_other_seed_other_weights(tmp_path: Path) -> None:
    first = digest(tiny.build(tmp_path / "a", "qwen2_5_vl"))
    assert digest(tiny.build(tmp_path / "b", "qwen2_5_vl")) == first
    assert digest(tiny.build(tmp_path / "a", "qwen2_5_vl")) == first
    assert digest(tiny.build(tmp_path / "a", "qwen2_5_vl", seed=1))["model.safetensors"] != first["model.safetensors"]


def test_digits_and_special_tokens_are_single_tokens(checkpoints: dict[str, Path]) -> None:
    for family, folder in checkpoints.items():
        tokenizer = AutoProcessor.from_pretrained(folder).tokenizer
        text = "12.54 to 17.83 <answer>"
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
        tokens = tokenizer.tokenize("12.54 to 3")
        assert [token for token in tokens if token.isdigit()] == list("12543"), family
        for special in tiny.SPECIAL:
            assert len(tokenizer(special)["input_ids"]) == 1


@pytest.mark.parametrize(("family", "default"), [("qwen2_5_vl", "system\nYou are a helpful assistant."), ("qwen3_vl", None)])
def test_chat_template(family: str, default: str | None, checkpoints: dict[str, Path]) -> None:
    processor = AutoProcessor.from_pretrained(checkpoints[family])
    user = {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "When?"}]}
    turn = "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>When?<|im_end|>\n<|im_start|>assistant\n"
    start = f"<|im_start|>{default}<|im_end|>\n" if default else ""
    assert processor.apply_chat_template([user], tokenize=False, add_generation_prompt=True) == start + turn
    system = {"role": "system", "content": "Be brief."}
    rendered = processor.apply_chat_template([system, user], tokenize=False, add_generation_prompt=True)
    assert rendered == "<|im_start|>system\nBe brief.<|im_end|>\n" + turn


def test_refuses_what_it_should_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="an empty folder"):
        tiny.build(tmp_path, "qwen3_vl")
    with pytest.raises(InputError, match="qwen2_vl, qwen2_5_vl"):
        tiny.build(tmp_path / "new", "unheard_of")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.main([str(tmp_path / "x"), "--family", "qwen3_vl"])
    assert capsys.readouterr().out.strip() == str(tmp_path / "x")
    assert (tmp_path / "x" / "model.safetensors").is_file()
