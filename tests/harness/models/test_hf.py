import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.frames import Frames
from harness.models import generate, hf, loading, tiny
from harness.models.base import AnswerError, Model
from harness.models.hf import HfModel
from harness.models.options import Options
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.question import Question

Make = Callable[..., Frames]
Load = Callable[..., HfModel]


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints["qwen2_5_vl"], tmp_path / "copy"))


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_repeated_calls_give_the_same_replies(family: str, load: Load, make_frames: Make, questions: list[Question]) -> None:
    model: Model = load(family)
    frames = make_frames(family)
    first = model.answer(frames, questions)
    assert model.answer(frames, questions) == first == load(family).answer(frames, questions)
    assert model.answer(frames, questions[::-1]) == first[::-1]
    assert model.answer(frames, []) == []
    other = model.answer(make_frames(family, seed=1), questions)
    assert [reply.text for reply in other] != [reply.text for reply in first]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_description_names_what_a_number_depends_on(family: str, load: Load, checkpoints: dict[str, Path]) -> None:
    described = load(family).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["name"] == str(checkpoints[family])
    assert described["family"] == family
    assert described["dtype"] == "float32" and described["device"] == "cpu" and described["attention"] == "sdpa"
    assert described["parameters"] > 1e5 and len(described["fingerprint"]) == 64
    assert described["positions"]["rule"] == "original"
    assert described["unused_weights"] == [] and described["revision"] is None
    assert load(family).pixel_factor == (28 if family.startswith("qwen2") else 32)


def test_prompt_hash_covers_ids_and_frames(load: Load, make_frames: Make, questions: list[Question]) -> None:
    model = load("qwen2_5_vl")
    frames = make_frames("qwen2_5_vl")
    a, b = (reply.prompt_sha256 for reply in model.answer(frames, questions[:2]))
    (c,) = (reply.prompt_sha256 for reply in model.answer(dataclasses.replace(frames, decoder="other"), questions[:1]))
    assert len({a, b, c}) == 3


@pytest.mark.parametrize("shape", [(8, 50, 84, 3), (8, 56, 60, 3), (7, 56, 84, 3)])
def test_frames_of_a_wrong_size_are_refused(
    shape: tuple[int, ...], load: Load, make_frames: Make, questions: list[Question]
) -> None:
    frames = make_frames("qwen2_5_vl")
    wrong = Frames(frames.pixels[: shape[0], : shape[1], : shape[2]], frames.time_s[: shape[0]], 0.5, 0.0, "made")
    for given in (wrong, None):
        with pytest.raises(InputError, match="divisible by 28"):
            load("qwen2_5_vl").answer(given, questions)


def test_out_of_memory_is_a_failure_of_the_video(
    load: Load, make_frames: Make, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nmore")

    model = load("qwen2_5_vl")
    monkeypatch.setattr(generate, "prefill", full)
    with pytest.raises(AnswerError) as caught:
        model.answer(make_frames("qwen2_5_vl"), questions)
    assert caught.value.failure.type == "out-of-memory"
    assert "batch-size" in caught.value.failure.message

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(generate, "prefill", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        model.answer(make_frames("qwen2_5_vl"), questions)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"device": "nonsense"}, "a torch device"),
        ({"device": "cpu", "dtype": "int4"}, "a dtype"),
        ({"device": "cpu", "attn": "nonsense"}, "attention nonsense"),
        ({"device": "cpu", "batch_size": 0}, "a batch size"),
    ],
)
def test_bad_options(options: dict[str, Any], expected: str, folder: Path, make_protocol: Callable[..., Protocol]) -> None:
    with pytest.raises(InputError, match=expected):
        hf.load(str(folder), make_protocol(), Options(**options))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_not_replaced_by_the_cpu() -> None:
    with pytest.raises(InputError, match="a GPU that torch can use"):
        loading.place(Options(device="cuda"))
    assert loading.place(Options()) == (torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("name", list(loading.DTYPES))
def test_dtypes(name: str, folder: Path, make_protocol: Callable[..., Protocol]) -> None:
    model = hf.load(str(folder), make_protocol(), Options(device="cpu", dtype=name))
    assert model.describe()["dtype"] == name


def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def drop_weight(folder: Path) -> None:
    edit(folder, lambda weights: weights.pop(next(name for name in weights if "q_proj.weight" in name)))


def reshape_weight(folder: Path) -> None:
    edit(folder, lambda weights: weights.update({next(n for n in weights if "q_proj.weight" in n): torch.zeros(3, 3)}))


def truncate_weights(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def window(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 0, "layer_types": None}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (drop_weight, "every weight of the model"),
        (reshape_weight, "a checkpoint that transformers"),
        (truncate_weights, "a safetensors file"),
        (drop("tokenizer.json"), "a tokenizer with"),
        (drop("processor_config.json"), "a checkpoint that transformers"),
        (drop("chat_template.jinja"), "a chat template"),
        (window, "full attention in every layer"),
    ],
)
def test_incomplete_checkpoints_are_refused_not_filled_in(
    damage: Callable[[Path], None], expected: str, folder: Path, make_protocol: Callable[..., Protocol]
) -> None:
    damage(folder)
    with pytest.raises(InputError, match=expected):
        hf.load(str(folder), make_protocol(), Options(device="cpu"))


def test_weights_without_a_place_are_recorded(folder: Path, make_protocol: Callable[..., Protocol]) -> None:
    edit(folder, lambda weights: weights.update(v_head=torch.zeros(3)))
    assert hf.load(str(folder), make_protocol(), Options(device="cpu")).describe()["unused_weights"] == ["v_head"]
