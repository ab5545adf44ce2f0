"""Checkpoints that are damaged, foreign or hostile: refused in words, whichever file it is."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.models import hf, template
from harness.models.options import Options
from harness.models.prompt import SLOT
from tasks.errors import InputError
from tasks.protocol import Protocol

FAMILY = "qwen3_vl"
Make = Callable[..., Protocol]


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints[FAMILY], tmp_path / "copy"))


def refusal(folder: Path, rules: Protocol) -> str:
    with pytest.raises(InputError) as error:
        hf.load(str(folder), rules, Options(device="cpu"))
    return str(error.value)


def put(folder: Path, name: str, *place: str, value: Any) -> None:
    """Change one value of a JSON file."""
    document = json.loads((folder / name).read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (folder / name).write_text(json.dumps(document))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 200_000, b"[]", b"7", b"\xff\xfe\x00", b'{"model_type": "qwen3_vl"', b'{"a":' * 200_000]
)
@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "processor_config.json", "tokenizer.json"])
def test_files_that_are_no_json_object(name: str, content: bytes, folder: Path, make_protocol: Make) -> None:
    (folder / name).write_bytes(content)
    assert name in refusal(folder, make_protocol())


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("config.json", ("model_type",), "llama"),
        ("config.json", ("model_type",), ["qwen3_vl"]),
        ("config.json", ("dtype",), "bfloat17"),
        ("config.json", ("text_config",), None),
        ("config.json", ("text_config", "hidden_act"), "sigmoidal"),
        ("config.json", ("text_config", "num_hidden_layers"), 10**9),
        ("config.json", ("text_config", "rope_parameters", "rope_theta"), "large"),
        ("config.json", ("vision_config", "hidden_size"), "wide"),
        ("config.json", ("vision_config", "depth"), -1),
        ("config.json", ("text_config", "num_hidden_layers"), 1),
        ("config.json", ("video_token_id",), {"a": 1}),
        ("generation_config.json", ("eos_token_id",), 1e308),
        ("generation_config.json", ("eos_token_id",), [10**9]),
        ("generation_config.json", ("eos_token_id",), True),
        ("processor_config.json", ("processor_class",), []),
        ("processor_config.json", ("video_processor", "patch_size"), 0),
        ("processor_config.json", ("video_processor", "rescale_factor"), "much"),
        ("processor_config.json", ("video_processor", "temporal_patch_size"), None),
        ("tokenizer_config.json", ("tokenizer_class",), []),
        ("tokenizer_config.json", ("eos_token",), -1),
        ("tokenizer.json", ("model", "vocab", "F"), "x"),
        ("tokenizer.json", ("model", "vocab"), {}),
    ],
)
def test_values_of_nonsense(name: str, place: tuple[str, ...], value: Any, folder: Path, make_protocol: Make) -> None:
    put(folder, name, *place, value=value)
    assert "expected:" in refusal(folder, make_protocol())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def without(path: Path) -> None:
    weights = load_file(path)
    del weights["model.language_model.layers.1.mlp.up_proj.weight"]
    save_file(weights, path, {"format": "pt"})


def reshaped(path: Path) -> None:
    weights = load_file(path)
    name = "model.language_model.layers.1.mlp.up_proj.weight"
    save_file({**weights, name: weights[name][:-1].contiguous()}, path, {"format": "pt"})


def no_number(path: Path) -> None:
    weights = load_file(path)
    weights["model.language_model.norm.weight"][3] = torch.nan
    save_file(weights, path, {"format": "pt"})


def indexed(path: Path) -> None:
    path.with_name("model.safetensors.index.json").write_text('{"weight_map": ["model.safetensors"]}')


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "model.safetensors|incomplete|SafetensorError"),
        (without, "1 missing, the first is model.language_model.layers.1.mlp.up_proj.weight"),
        (reshaped, "up_proj|size|shape|mismatch"),
        (no_number, "1 hold others, the first is model.language_model.norm.weight"),
        (indexed, "a weight_map"),
        (loop, r"model.safetensors|symbolic"),
    ],
)
def test_weights(damage: Callable[[Path], None], words: str, folder: Path, make_protocol: Make) -> None:
    damage(folder / "model.safetensors")
    message = refusal(folder, make_protocol())
    assert any(word in message for word in words.split("|")), message


GOOD = (
    "{% for m in messages %}{% for part in m.content %}{% if part.type == 'video' %}"
    + SLOT
    + "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)
NESTED = "{% for a in range(99999) %}" * 4 + "{% endfor %}" * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NESTED + GOOD, "longer than"),
        ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}" + GOOD, "RecursionError"),
        ("{{ 10 ** (10 ** 9) }}" + GOOD, "longer than|OverflowError|MemoryError|ValueError"),
        ("{% set x = 'ab' * 10 ** 11 %}{{ x }}" + GOOD, "more than 2 GiB"),
        ("{% for a in range(10 ** 9) %}{% endfor %}" + GOOD, "OverflowError"),
        ("{% for a in range(50000) %}padding{% endfor %}" + GOOD, "renders a question once"),
        ("{% for %}" + GOOD, "TemplateSyntaxError"),
        ("{{ nothing.at.all }}" + GOOD, "UndefinedError"),
        ("{{ raise_exception('not today') }}" + GOOD, "not today"),
        ("{{ 1 / 0 }}" + GOOD, "ZeroDivisionError"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}" + GOOD, "SecurityError"),
        (GOOD.replace("{{ part.text }}", ""), "writes what it is told"),
        (GOOD.replace("{{ part.text }}", "{{ part.text[:20] }}"), "writes what it is told"),
        (GOOD.replace("{{ part.text }}", "{{ part.text | upper }}"), "writes what it is told"),
        (GOOD.replace(SLOT, ""), "writes one"),
        (GOOD.replace(SLOT, SLOT * 2), "writes one"),
        (GOOD + GOOD.replace(SLOT, ""), "renders a question once"),
        (GOOD.replace(SLOT, "").replace("{{ part.text }}", "{{ part.text }}" + SLOT), "renders a question once, video-text"),
        ("", "a chat template"),
    ],
)
def test_chat_templates(text: str, words: str, folder: Path, make_protocol: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "SECONDS", 0.5)
    (folder / "chat_template.jinja").write_text(text)
    started = time.monotonic()
    message = refusal(folder, make_protocol())
    assert any(word in message for word in words.split("|")), message
    assert time.monotonic() - started < 30


def test_a_plain_template_is_good(folder: Path, make_protocol: Make) -> None:
    (folder / "chat_template.jinja").write_text(GOOD)
    for order in ("video-text", "text-video"):
        assert hf.load(str(folder), make_protocol(order=order), Options(device="cpu")).needs_video
