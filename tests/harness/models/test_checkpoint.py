import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file

from harness.models import checkpoint, hf, hub
from harness.models.options import Options
from tasks.errors import InputError


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints["qwen2_5_vl"], tmp_path / "copy"))


def test_a_good_folder(folder: Path) -> None:
    found = checkpoint.find(str(folder))
    assert found == (str(folder), folder, "qwen2_5_vl", None, None)


def test_weights_as_pickles_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match="safetensors weights only") as caught:
        checkpoint.find(str(folder))
    assert "pytorch_model.bin" in caught.value.found
    assert "save_pretrained" in caught.value.next_command


def test_missing_files(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"no \*\.safetensors"):
        checkpoint.find(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"no config\.json"):
        checkpoint.find(str(folder))
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="PEFT adapter"):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("name", ["model-00002-of-00002.safetensors", "../../outside.safetensors"])
def test_every_shard_of_the_index_must_be_there(folder: Path, name: str) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": name}}
    (folder / checkpoint.INDEX).write_text(json.dumps(index))
    with pytest.raises(InputError, match="missing: "):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("family", ["keye_vl", "qwen2_5_omni", None])
def test_unsupported_families(folder: Path, family: str | None) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": family}))
    with pytest.raises(InputError, match="qwen2_vl, qwen2_5_vl, qwen3_vl"):
        checkpoint.find(str(folder))


@pytest.mark.parametrize(
    ("files", "found", "step"),
    [
        (["model-q4_k_m.gguf", "mmproj.gguf"], "GGUF", "--backend openai"),
        (["decoder.onnx"], "ONNX", "--backend openai"),
        (["flax_model.msgpack"], "Flax", "made from"),
        (["__0_0.distcp"], "under FSDP", "accelerate merge-weights"),
        (["global_step4/mp_rank_00_model_states.pt"], "under DeepSpeed", "zero_to_fp32.py"),
    ],
)
@pytest.mark.parametrize("configured", [True, False])
def test_weights_in_another_form_are_named_with_what_helps(
    files: list[str], found: str, step: str, configured: bool, folder: Path
) -> None:
    (folder / "model.safetensors").unlink()
    if not configured:
        (folder / "config.json").unlink()
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    with pytest.raises(InputError, match="safetensors weights") as caught:
        checkpoint.find(str(folder))
    assert found in caught.value.found and step in caught.value.next_command


def test_a_pointer_of_a_repository_and_parts_without_their_index_are_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(InputError, match=r"(?s)model\.safetensors\.index\.json.*model-00001-of-00002"):
        checkpoint.find(str(folder))
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 99\n")
    with pytest.raises(InputError, match="git lfs pull"):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("place", [(), ("text_config",)])
@pytest.mark.parametrize(
    "settings", [{"quant_method": "awq", "bits": 4}, {"quant_method": "fp8"}, {"load_in_4bit": True}], ids=str
)
def test_quantized_weights_are_refused_before_anything_loads(
    settings: dict[str, object], place: tuple[str, ...], folder: Path
) -> None:
    config = json.loads((folder / "config.json").read_text())
    table = config[place[0]] if place else config
    table["quantization_config"] = settings
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="weights of 16 or 32 bits") as caught:
        checkpoint.find(str(folder))
    assert str(settings.get("quant_method", "unknown")) in caught.value.found and "made from" in caught.value.next_command


@pytest.mark.parametrize(("model_type", "found"), [("qwen3", "without a vision tower"), ("", "no model_type in")])
def test_a_text_model_and_a_configuration_without_a_type_are_told_apart(model_type: str, found: str, folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": model_type} if model_type else {}))
    with pytest.raises(InputError, match=found):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("missing", ["processor_config.json", "tokenizer.json", "chat_template.jinja"])
def test_a_file_of_the_processor_is_missed_before_the_weights_load(
    missing: str, folder: Path, make_protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / missing).unlink()
    kind = transformers.AutoModelForImageTextToText
    monkeypatch.setattr(kind, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(InputError):
        hf.load(str(folder), make_protocol(), Options(device="cpu"))


def test_a_processor_of_another_family_is_refused_by_its_patches(
    folder: Path, checkpoints: dict[str, Path], make_protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(checkpoints["qwen3_vl"] / "processor_config.json", folder)
    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(InputError, match=r"a processor of Qwen2\.5-VL, with patch_size = 14\nfound: +16"):
        hf.load(str(folder), make_protocol(), Options(device="cpu"))


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_broken_configuration(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match="JSON"):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("model", ["nobody/nothing", "no such folder", "/no/such/folder"])
def test_what_is_no_folder_and_cannot_be_downloaded(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="a hub id that can be read"):
        checkpoint.find(model)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_is_no_folder(name: str, folder: Path) -> None:
    with pytest.raises(InputError, match="a file") as caught:
        checkpoint.find(str(folder / name))
    assert caught.value.next_command == f"--model {folder}"


@pytest.mark.parametrize("model", ["./gone", "~/gone", "a/b/c", "https://hub.example/owner/name"])
def test_what_cannot_be_an_id_is_asked_of_no_hub(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "download", lambda *_: pytest.fail("asked"))
    with pytest.raises(InputError, match="no folder, and no owner/name"):
        checkpoint.find(model)


def test_a_hub_id_is_downloaded_without_pickles_and_keeps_its_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = folder.rename(folder.parent / "0123abc")
    asked: list[list[str]] = []

    def download(model: str, allow_patterns: list[str], revision: str | None) -> str:
        asked.append(allow_patterns)
        return str(commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert checkpoint.find("Some/Model").revision == "0123abc"
    checkpoint.find("Some/Model", trust_remote_code=True)
    without, trusted = asked[:2], asked[2:]
    assert not any("*.py" in patterns for patterns in without) and "*.py" in trusted[0] and trusted[1] == ["*.safetensors"]
    assert not any(pattern in checkpoint.PICKLES for patterns in asked for pattern in patterns)


@pytest.mark.parametrize(
    ("model_type", "words"), [("gemma3", "which takes images"), ("keye_vl", "'keye_vl'"), ("qwen2_vl", "auto_map")]
)
def test_what_cannot_be_used_is_refused_before_its_weights_are_downloaded(
    model_type: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type, "vision_config": {}}))
    (tmp_path / "processor_config.json").write_text(json.dumps({"auto_map": {"A": "a.B"}} if model_type == "qwen2_vl" else {}))

    def download(model: str, allow_patterns: list[str], revision: str | None) -> str:
        assert "*.safetensors" not in allow_patterns
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(InputError, match=words):
        checkpoint.find("Some/Model")


def test_fingerprint_follows_the_weights(folder: Path) -> None:
    before = checkpoint.fingerprint(folder)
    assert checkpoint.fingerprint(folder) == before
    (folder / "README.md").write_text("prose does not count")
    assert checkpoint.fingerprint(folder) == before
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    assert checkpoint.fingerprint(folder) != before


def test_fingerprint_of_a_large_file_covers_header_and_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(9 << 20, dtype=torch.float16)}, path)
    seen = {checkpoint.fingerprint(tmp_path)}
    for value in (0, 9 << 20 >> 1, -1):
        tensor = torch.zeros(9 << 20, dtype=torch.float16)
        tensor[value] = 1
        save_file({"a": tensor}, path)
        seen.add(checkpoint.fingerprint(tmp_path))
    save_file({"b": torch.zeros(9 << 20, dtype=torch.float16)}, path)
    seen.add(checkpoint.fingerprint(tmp_path))
    assert len(seen) >= 4


def test_a_header_longer_than_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match="a safetensors file"):
        checkpoint.fingerprint(tmp_path)
