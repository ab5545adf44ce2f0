"""`harness train --dry-run`: what it says is what then happens, and it leaves nothing behind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2_5_VLConfig, TrainerCallback

from harness.cli import main
from harness.models import attention, generate, tiny
from harness.models.prompt import render
from harness.synthetic.make import make
from tasks import protocol
from tasks.errors import InputError
from tasks.sample import one_query
from trainers import train
from trainers.dry_run import plan as forecast
from trainers.dry_run.memory import BUCKET, LIVE, Load, Memory, Shape, activations, generation, memory
from trainers.methods import packed
from trainers.rollout import draw

SHAPE = Shape(7_500_000_000, 7_500_000_000, 3584, 18944, 28, 1024, 1280, 3420, 32, 4)
LOAD = Load(1, 4000, 3584, 100, 4, 3, 2, 2, True, False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 3, "dev": 1, "test": 1})
    return root


def typed(model: Path, data: Path, recipe: str, **changes: Any) -> list[str]:
    sets = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    return ["train", "--recipe", recipe, "--model", str(model), "--task", "synthetic@train", "--data-root", str(data), *sets]


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main([*arguments, "--dry-run"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("sft", {"prompts_per_device": 4}),
        ("tempsamp", {"max_completion_length": 4}),
        ("dapo", {"max_completion_length": 4, "prompts_per_device": 2, "steps_per_generation": 4}),
        ("grpo", {"max_completion_length": 4, "max_steps": 2}),
    ],
)
def test_steps_and_tokens_are_those_of_the_training(
    recipe: str,
    changes: dict[str, Any],
    checkpoints: dict[str, Path],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = typed(checkpoints["qwen2_5_vl"], data, recipe, **changes)
    text = said(arguments, capsys)
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    assert f"steps: {json.loads((tmp_path / 'out' / 'train.json').read_text())['steps']:,} of " in text
    assert "synthetic@train: 9 samples, 3 videos" in text and "no GPU here" in text


@pytest.mark.parametrize("mode", ["direct", "cot"])
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_tokens_are_counted_as_the_input_builder_makes_them(family: str, mode: str, load: Callable[..., Any], data: Path) -> None:
    from harness.video.decode import read_frames, undecoded

    model, processor, examples = load(family)
    rules = protocol.load("synthetic")
    text = rules.question(one_query("v", 8.0, "red circle", []), mode)
    for path in sorted((data / "synthetic" / "videos").glob("*.mp4")):
        frames = read_frames(path, rules.video, examples.inputs.pixel_factor)
        rows, _ = examples.inputs.build(frames, rules.prompt, [text], "cpu")
        seen = undecoded(path, rules.video, examples.inputs.pixel_factor, None)
        assert seen.pixels.shape[:3] == frames.pixels.shape[:3] and (seen.time_s == frames.time_s).all()
        found = forecast.tokens_of(processor, model.config, seen, *render(processor, rules.prompt, text))
        assert found == (rows[0].ids.count(model.config.video_token_id), len(rows[0].ids))


def test_model_states_are_those_of_the_zero_paper() -> None:
    """Figure 1 of Rajbhandari et al. 2020: 7.5 B weights on 64 GPUs take 16.6 GB with gradients sharded, 1.9 with weights."""
    two, three, offload = (memory(SHAPE, LOAD, strategy, 64) for strategy in ("zero2", "zero3", "zero3-offload"))
    buckets = 2 * 2 * BUCKET
    assert (two.weights + two.gradients - buckets + two.optimizer) / 1e9 == pytest.approx(16.6, abs=0.05)
    assert (three.weights + three.gradients - buckets + three.optimizer) / 1e9 == pytest.approx(1.9, abs=0.05)
    assert offload.host == three.weights + three.gradients - buckets + three.optimizer
    assert (offload.weights, offload.optimizer) == (0, 0)
    # the weights that are gathered: a part for the loss, all for generation
    assert three.activations - two.activations == 2 * LIVE
    assert three.generation - two.generation == 2 * SHAPE.weights


def test_the_packed_row_its_mask_and_the_cache_are_as_large_as_said(load: Callable[..., Any]) -> None:
    model, _, examples = load("qwen3_vl")
    _, prompt = examples.take({"id": "t/a/red circle", "mode": "direct", "protocol_name": "synthetic"})
    rules = generate.Rules(max_new_tokens=5, stop=frozenset(), temperature=1.0)
    caches: list[Any] = []
    forward = model.forward

    def watched(**keywords: Any) -> Any:
        caches.append(keywords.get("cache", keywords.get("past_key_values")))
        return forward(**keywords)

    model.forward = watched
    (outputs,) = draw(model, [prompt], [3], rules, [1, 2, 3])
    visual = prompt.row.ids.count(model.config.video_token_id)
    said = Load(1, len(prompt.row.ids), visual, 5, 4, 3, 4, 4, False, False)
    packed_row = packed.pack(
        [packed.completions(prompt.row, prompt.video, [output.ids for output in [*outputs, outputs[0]]])],
        torch.float32,
        torch.device("cpu"),
    )
    assert packed_row["input_ids"].shape == (1, said.row_tokens)
    assert packed_row["attention_mask"].nbytes == 4 * said.row_tokens**2
    layers = caches[-1].layers
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in layers)
    # the last token drawn is never read again
    assert held == generation(forecast.shape_of(model), said) * 3 * (len(prompt.row.ids) + 4) // (
        len(prompt.row.ids) + 3 * (len(prompt.row.ids) + 5)
    )


@pytest.mark.parametrize(("dtype", "adapters"), [("mixed", False), ("bfloat16", False), ("bfloat16", True)])
def test_model_states_are_as_large_as_said(
    dtype: str, adapters: bool, checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every weight, gradient and moment of Adam that lies in memory after a step, beside what is said of one process."""
    held: dict[str, int] = {}
    said: list[Memory] = []

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any
        ) -> None:
            weights = list(model.parameters())
            moments = [value for one in optimizer.state.values() for value in one.values() if value.ndim]
            held["weights"] = sum(weight.nbytes for weight in weights)
            held["gradients"] = sum(weight.grad.nbytes for weight in weights if weight.grad is not None)
            held["optimizer"] = sum(value.nbytes for value in moments)

    made = train.callbacks
    monkeypatch.setattr(train, "callbacks", lambda folder: [*made(folder), Watch()])
    monkeypatch.setattr(forecast, "table", lambda shape, load, world: said.append(memory(shape, load, "plain", 1)) or [])
    arguments = [*typed(checkpoints["qwen3_vl"], data, "sft", max_steps=1, prompts_per_step=1), "--dtype", dtype]
    arguments += ["--lora", "4"] if adapters else []
    assert main([*arguments, "--dry-run"]) == 0 and main([*arguments, "--output", str(tmp_path / "out")]) == 0
    (found,) = said
    # Autocast's copy, half of float32, is there only while the model runs.
    copy = (held["weights"] // 2) if dtype == "mixed" else 0
    assert found.weights == held["weights"] + copy
    assert (found.gradients, found.optimizer) == (held["gradients"], held["optimizer"])


@pytest.mark.parametrize(("layout", "mixed"), [("mask", False), ("branches", False), ("branches", True)])
def test_saved_activations_are_near_the_estimate(layout: str, mixed: bool, load: Callable[..., Any]) -> None:
    model, _, examples = load("qwen2_5_vl")
    attention.by_tower(model)
    _, prompt = examples.take({"id": "t/b/red circle", "mode": "direct", "protocol_name": "synthetic"})
    rows = packed.pack([packed.completions(prompt.row, prompt.video, [[5] * 40] * 4)], torch.float32, torch.device("cpu"), layout)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    saved = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with saved, torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        output = model.model(**{key: value for key, value in rows.items() if key != "labels"})
    measured = sum(size for pointer, size in kept.items() if pointer not in weights)
    assert output.last_hidden_state.shape[1] == rows["input_ids"].shape[1]
    visual = prompt.row.ids.count(model.config.video_token_id)
    said = Load(1, len(prompt.row.ids), visual, 40, 4, 3, 2 if mixed else 4, 4, False, False, layout)
    estimate = activations(forecast.shape_of(model), said)
    if mixed:
        # What is computed with is there in bfloat16 as well: autocast's copy, counted among the weights.
        measured -= sum(weight.nbytes // 2 for weight in model.parameters() if weight.ndim >= 2)
    assert 0.5 < measured / estimate < 2


def test_the_weights_of_a_published_model_are_counted_without_loading_them(tmp_path: Path) -> None:
    """Qwen2.5-VL-7B-Instruct: its safetensors index counts 8,292,166,656 weights."""
    text = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    text |= {"num_key_value_heads": 4, "vocab_size": 152064}
    vision = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)
    with torch.device("meta"):
        model = tiny.make_model(config)
    found = forecast.shape_of(model)
    assert found.weights == 8_292_166_656


def test_it_reads_no_weights_and_writes_nothing(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(checkpoints["qwen3_vl"], tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    stored = weights.read_bytes()
    header = 8 + int.from_bytes(stored[:8], "little")
    # Not a number anywhere, which is refused where weights are read.
    weights.write_bytes(stored[:header] + b"\xff" * (len(stored) - header))
    shutil.copytree(data, tmp_path / "data")
    videos = tmp_path / "data" / "synthetic" / "videos"
    (videos / "train-0000.mp4").unlink()
    (videos / "train-0001.mp4").write_bytes(b"no video")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    arguments = typed(tmp_path / "model", tmp_path / "data", "tempsamp", lora="{r: 4, target_modules: [q_proj]}")
    text = said([*arguments, "--output", str(tmp_path / "out")], capsys)
    assert sorted(tmp_path.rglob("*")) == before
    assert "left out: 3 x missing video" in text and "it stops for 1 missing video," in text
    assert "from the video headers of 3 samples; 3 could not be read" in text
    assert "0.00 M trained" in text
    # every process of a launch plans, one says so
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert said(arguments, capsys) == ""
    monkeypatch.delenv("WORLD_SIZE")
    (videos / "train-0002.mp4").write_bytes(b"no video")
    assert main([*arguments, "--dry-run"]) == 2
    assert "videos that can be read" in capsys.readouterr().err


def test_a_recipe_is_refused_before_it_is_planned(checkpoints: dict[str, Path], data: Path) -> None:
    from harness.cli import parser
    from harness.commands.train import main as command

    with pytest.raises(InputError, match="nearest: learning_rate"):
        command(parser().parse_args([*typed(checkpoints["qwen3_vl"], data, "sft", learning_rat=1), "--dry-run"]))


def test_steps_that_bfloat16_would_round_away_are_announced(
    checkpoints: dict[str, Path], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = typed(checkpoints["qwen3_vl"], data, "sft", learning_rate=2.0**-20)
    assert "float32 copy" not in said([*arguments, "--dtype", "float32"], capsys)
    assert "a weight above 0.0005 rounds back" in said([*arguments, "--dtype", "bfloat16"], capsys)
    weights = torch.tensor([forecast.STEP, 2.0**-11], dtype=torch.bfloat16)
    assert (weights + torch.tensor(2.0**-20, dtype=torch.bfloat16) == weights).tolist() == [True, True]
    small = torch.tensor([2.0**-12.5], dtype=torch.bfloat16)
    assert small + torch.tensor(2.0**-20, dtype=torch.bfloat16) != small
