"""PEFT adapters in place: equal to the adapter beside its base, identified with it, refused where they do not fit it."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from jsonschema import Draft202012Validator
from safetensors.torch import load_file, save_file

import harness
from harness.frames import Frames
from harness.models import adapters, hf, loading, merging
from harness.models.checkpoint import find, fingerprint, trained_on
from harness.models.options import Options
from harness.models.shown import Shown
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.question import Question

FAMILY = "qwen2_5_vl"
TARGETS = r".*language_model.*\.(q|v|up)_proj"
WEIGHTS, SETTINGS = "adapter_model.safetensors", "adapter_config.json"
LORA: dict[str, Any] = {"r": 4, "lora_alpha": 16, "target_modules": TARGETS, "task_type": "CAUSAL_LM"}


def base_model(folder: Path) -> Any:
    models: Any = transformers.AutoModelForImageTextToText
    return models.from_pretrained(folder, dtype=torch.float32)


def save(base: Path, folder: Path, settings: Any) -> Path:
    """A random adapter on a checkpoint, as PEFT saves it."""
    wrapped = peft.get_peft_model(base_model(base), settings)
    torch.manual_seed(1)
    for name, weight in wrapped.named_parameters():
        if weight.requires_grad:
            weight.data.normal_(1.0 if "ia3" in name else 0.0, 0.3)
    wrapped.save_pretrained(folder, save_embedding_layers=False)
    return folder


@pytest.fixture(scope="session")
def made(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(checkpoints[FAMILY], tmp_path_factory.mktemp("adapters") / "lora", peft.LoraConfig(**LORA))


@pytest.fixture
def adapter(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "adapter"))


def change(folder: Path, **values: Any) -> None:
    settings = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps({**settings, **values}))


def refusal(folder: Path, rules: Protocol) -> str:
    with pytest.raises(InputError) as error:
        hf.load(str(folder), rules, Options(device="cpu"))
    return str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        peft.LoraConfig(**LORA),
        peft.LoraConfig(**LORA, use_dora=True, use_rslora=True),
        peft.LoraConfig(**{**LORA, "target_modules": r".*visual.*qkv", "modules_to_save": ["lm_head"]}),
        peft.IA3Config(target_modules=TARGETS, feedforward_modules=r".*up_proj", task_type="CAUSAL_LM"),
        peft.LoHaConfig(r=2, alpha=4, target_modules=TARGETS),
    ],
    ids=["lora", "dora", "vision and head", "ia3", "loha"],
)
def test_logits_are_those_of_the_adapter_beside_its_base(settings: Any, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    folder = save(checkpoints[FAMILY], tmp_path / "adapter", settings)
    model, _, unused = loading.read(adapters.find(str(folder)), Options(device="cpu"))
    beside = peft.PeftModel.from_pretrained(base_model(checkpoints[FAMILY]), str(folder)).eval()
    asked = {"input_ids": torch.arange(5, 45)[None], "attention_mask": torch.ones(1, 40, dtype=torch.long)}
    with torch.no_grad():
        ours, theirs, plain = (one(**asked).logits for one in (model, beside, base_model(checkpoints[FAMILY]).eval()))
    assert type(model) is type(beside.get_base_model()) and unused == []
    assert (ours - theirs).abs().max() < 2e-5
    if "visual" not in str(settings.target_modules):
        assert (ours - plain).abs().max() > 0.01


def test_weights_are_added_in_float32_and_rounded_once(adapter: Path) -> None:
    exact, _, _ = loading.read(adapters.find(str(adapter)), Options(device="cpu"))
    rounded, _, _ = loading.read(adapters.find(str(adapter)), Options(device="cpu", dtype="bfloat16"))
    assert {weight.dtype for weight in rounded.parameters()} == {torch.bfloat16}
    base = base_model(Path(json.loads((adapter / SETTINGS).read_text())["base_model_name_or_path"])).state_dict()
    for name, weight in exact.named_parameters():
        start = base[name].bfloat16().float()
        assert torch.equal(rounded.get_parameter(name), (start + (weight - base[name])).bfloat16()) or "_proj" in name
        # The base is rounded where it is loaded; what is added to it is not.
        assert (rounded.get_parameter(name).float() - weight).abs().max() <= 2**-7 * weight.abs().max()


def test_matrices_that_an_adapter_brings_whole_get_the_dtype_of_the_model(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    settings = peft.LoraConfig(**{**LORA, "target_modules": r".*visual.*qkv", "modules_to_save": ["lm_head"]})
    folder = save(checkpoints[FAMILY], tmp_path / "adapter", settings)
    model, _, _ = loading.read(adapters.find(str(folder)), Options(device="cpu", dtype="bfloat16"))
    saved = load_file(folder / WEIGHTS)["base_model.model.lm_head.weight"]
    assert saved.dtype == torch.float32 and torch.equal(model.lm_head.weight, saved.bfloat16())


def test_an_adapter_answers_and_says_what_it_is(
    adapter: Path,
    checkpoints: dict[str, Path],
    make_protocol: Callable[..., Protocol],
    make_frames: Callable[..., Frames],
    questions: list[Question],
) -> None:
    base, frames = checkpoints[FAMILY], make_frames(FAMILY)
    model = hf.load(str(adapter), make_protocol(), Options(device="cpu"))
    plain = hf.load(str(base), make_protocol(), Options(device="cpu"))
    texts, plain_texts = ([reply.text for reply in one.answer(frames, questions)] for one in (model, plain))
    assert texts != plain_texts
    told = model.describe()
    assert told["name"] == str(adapter) and told["family"] == FAMILY and told["revision"] is None
    assert told["base"] == {"name": str(base), "revision": None, "fingerprint": fingerprint(base)}
    assert (told["adapter"]["type"], told["adapter"]["rank"]) == ("LORA", 4)
    assert told["adapter"]["processor"] == "the base model's"
    assert told["parameters"] == plain.describe()["parameters"]
    assert told["sight"].startswith("probed")
    schema = json.loads((Path(harness.__file__).parent / "schemas" / "run.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator({**schema["$defs"]["model"], "$defs": schema["$defs"]}).validate(told)


def test_the_identity_follows_base_weights_and_settings(adapter: Path, tmp_path: Path) -> None:
    def identity() -> str:
        return adapters.identity(adapters.find(str(adapter)))

    first = identity()
    # Where the base lies does not count, what it is does.
    base = Path(json.loads((adapter / SETTINGS).read_text())["base_model_name_or_path"])
    copy = Path(shutil.copytree(base, tmp_path / "moved"))
    change(adapter, base_model_name_or_path=str(copy))
    assert identity() == first
    seen = {first}
    change(adapter, lora_alpha=8)
    seen.add(identity())
    change(adapter, lora_alpha=16)
    weights = load_file(adapter / WEIGHTS)
    save_file({name: weight + 1 for name, weight in weights.items()}, adapter / WEIGHTS)
    seen.add(identity())
    save_file(weights, adapter / WEIGHTS)
    base_weights = load_file(copy / "model.safetensors")
    save_file({name: weight + 1 for name, weight in base_weights.items()}, copy / "model.safetensors", {"format": "pt"})
    seen.add(identity())
    assert len(seen) == 4 and first not in {adapters.identity(find(str(base))), fingerprint(adapter)}


def test_a_processor_beside_the_adapter_is_taken(adapter: Path, checkpoints: dict[str, Path]) -> None:
    assert adapters.processor_folder(adapters.find(str(adapter))) == checkpoints[FAMILY]
    for name in ("tokenizer_config.json", "processor_config.json"):
        shutil.copy(checkpoints[FAMILY] / name, adapter / name)
    found = adapters.find(str(adapter))
    assert adapters.processor_folder(found) == adapter
    assert adapters.described(found)["adapter"]["processor"] == "the adapter's own"


def test_the_prompt_of_an_adapter_is_shown(
    adapter: Path, checkpoints: dict[str, Path], make_frames: Any, questions: list[Question]
) -> None:
    frames, rules, text = make_frames(FAMILY), questions[0].protocol.prompt, questions[0].text
    told = Shown(str(checkpoints[FAMILY]), Options()).prompt(frames, rules, text)
    assert Shown(str(adapter), Options()).prompt(frames, rules, text) == told
    # A processor that was saved beside an adapter is the one that a run takes, too.
    Shown(str(checkpoints[FAMILY]), Options()).processor.save_pretrained(adapter)
    template = adapter / "chat_template.jinja"
    template.write_text(template.read_text().replace("helpful assistant", "careful assistant"))
    assert Shown(str(adapter), Options()).prompt(frames, rules, text) == told.replace("helpful", "careful") != told


def without(folder: Path, part: str) -> None:
    weights = load_file(folder / WEIGHTS)
    save_file({name: weight for name, weight in weights.items() if part not in name}, folder / WEIGHTS)


def more(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    name = next(name for name in weights if "layers.1.self_attn.q_proj.lora_A" in name)
    save_file({**weights, name.replace("layers.1", "layers.7"): weights[name].clone()}, folder / WEIGHTS)


def wider(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    name = next(name for name in weights if "q_proj.lora_A" in name)
    save_file({**weights, name: torch.zeros(4, 96)}, folder / WEIGHTS)


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "adapter_model.bin")
    (folder / WEIGHTS).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: change(folder, base_model_name_or_path="/nowhere/base"), "no folder /nowhere/base"),
        (lambda folder: change(folder, base_model_name_or_path="some/base"), "the base model of the adapter"),
        (lambda folder: change(folder, base_model_name_or_path=None), "base_model_name_or_path: the model"),
        (lambda folder: change(folder, base_model_name_or_path=str(folder)), "an adapter too"),
        (lambda folder: change(folder, base_model_name_or_path=str(folder.parent)), "no config.json"),
        (lambda folder: change(folder, peft_type="TELEPATHY"), "TELEPATHY"),
        (lambda folder: change(folder, peft_type=None), "peft_type"),
        (lambda folder: change(folder, telepathy=True), "telepathy"),
        (lambda folder: change(folder, r=8), "size mismatch"),
        (lambda folder: change(folder, target_modules=["telepathy"]), "telepathy"),
        (lambda folder: change(folder, init_lora_weights="pissa"), "changed the base"),
        (lambda folder: (folder / SETTINGS).write_text("{"), SETTINGS),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"\xff" * 100), "header"),
        (lambda folder: (folder / WEIGHTS).unlink(), "safetensors"),
        (lambda folder: without(folder, "layers.1.mlp.up_proj.lora_B"), "nothing for 1 weights"),
        (more, "no place for 1 weights"),
        (wider, "size mismatch"),
        (pickled, "weights_only=True"),
        (lambda folder: (folder / "non_lora_trainables.bin").write_bytes(b""), "non_lora_trainables.bin beside it"),
        (lambda folder: save_file({"a": torch.zeros(1)}, folder / "vit.safetensors"), "vit.safetensors beside it"),
    ],
)
def test_what_does_not_fit_is_refused(
    damage: Callable[[Path], Any], words: str, adapter: Path, make_protocol: Callable[..., Protocol]
) -> None:
    damage(adapter)
    message = refusal(adapter, make_protocol())
    assert words in message and "next:" in message


def test_another_base_is_refused_before_its_weights_are_read(
    adapter: Path, checkpoints: dict[str, Path], make_protocol: Callable[..., Protocol], monkeypatch: pytest.MonkeyPatch
) -> None:
    models: Any = transformers.AutoModelForImageTextToText
    monkeypatch.setattr(models, "from_pretrained", None)
    change(adapter, base_model_name_or_path=str(checkpoints["qwen3_vl"]), target_modules=".*language_model.*(q|v|up)_proj")
    weights = load_file(adapter / WEIGHTS)
    save_file({name: torch.cat([weight, weight], -1) for name, weight in weights.items()}, adapter / WEIGHTS)
    assert "size mismatch" in refusal(adapter, make_protocol())


def test_learned_prompts_and_tied_matrices_are_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    settings = peft.PromptTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=2, token_dim=64, num_layers=2, num_attention_heads=4
    )
    settings.base_model_name_or_path = str(checkpoints[FAMILY])
    settings.save_pretrained(tmp_path)
    save_file({"prompt_embeddings": torch.zeros(2, 64)}, tmp_path / WEIGHTS)
    with pytest.raises(InputError, match=r"can be merged into weights.*\n.*PROMPT_TUNING"):
        merging.fitted(base_model(checkpoints[FAMILY]), adapters.find(str(tmp_path)))
    head = save(checkpoints[FAMILY], tmp_path / "head", peft.LoraConfig(**{**LORA, "target_modules": ["lm_head"]}))
    tied = base_model(checkpoints[FAMILY])
    tied.lm_head.weight = tied.model.language_model.embed_tokens.weight
    with pytest.raises(InputError, match=r"the model uses once.*\n.*lm_head"):
        merging.fitted(tied, adapters.find(str(head)))


def test_the_record_of_the_training_is_read_and_its_base_is_wanted(
    adapter: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    used = {"split": "synthetic@train", "split_sha256": "b", "used_sha256": "b", "samples": 3}
    spec = {"recipe": {"name": "grpo"}, "seed": 0}
    record = {"trained_on": used, "spec": spec, "base": {"fingerprint": fingerprint(checkpoints[FAMILY])}, "sessions": []}
    out = tmp_path / "out"
    saved = [Path(shutil.copytree(adapter, out / "checkpoints" / f"checkpoint-{step}")) for step in (2, 10)]
    (out / "train.json").write_text(json.dumps(record))
    found = [trained_on(adapters.find(str(folder)).folder) or {} for folder in saved]
    assert [one["step"] for one in found] == [2, 10] and found[0]["samples"] == 3
    assert found[0]["training_sha256"] != found[1]["training_sha256"]
    assert trained_on(adapter) is None
    (out / "train.json").write_text(json.dumps({**record, "base": {"fingerprint": "0" * 64}}))
    with pytest.raises(InputError, match="the base model of fingerprint 00000000"):
        adapters.find(str(saved[0]))


def test_an_adapter_is_no_checkpoint_to_train_and_needs_peft(
    adapter: Path, make_protocol: Callable[..., Protocol], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="a PEFT adapter") as caught:
        find(str(adapter))
    assert "merge_and_unload" in caught.value.next_command
    monkeypatch.setitem(sys.modules, "peft", None)
    assert "pip install 'vtg-harness[train]'" in refusal(adapter, make_protocol())


def test_an_adapter_of_the_hub_brings_its_base_at_its_revision(
    adapter: Path, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Path(shutil.copytree(checkpoints[FAMILY], tmp_path / "0123abc"))
    own = adapter.rename(tmp_path / "456def")
    change(own, base_model_name_or_path="Some/Base", revision="0123abc")
    asked = []

    def download(model: str, revision: str | None, **_: list[str]) -> str:
        asked.append((model, revision))
        return str(own if model == "Some/Adapter" else commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    found = adapters.find("Some/Adapter")
    assert (found.name, found.revision) == ("Some/Adapter", "456def")
    assert found.base is not None and (found.base.name, found.base.revision) == ("Some/Base", "0123abc")
    # Texts first, then the weights of the same commit.
    assert asked == [("Some/Adapter", None), ("Some/Adapter", "456def"), ("Some/Base", "0123abc"), ("Some/Base", "0123abc")]
