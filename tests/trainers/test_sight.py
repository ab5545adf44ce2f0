"""A training whose rollouts or whose loss do not see the video stops before its first step."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

from harness.cli import main
from harness.models import generate
from harness.synthetic.make import make
from trainers import rollout
from trainers.methods import grpo, packed, sight

FAMILIES = {
    "qwen2_5_vl": transformers.Qwen2_5_VLModel,
    "qwen3_vl": transformers.Qwen3VLModel,
}
Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(root := tmp_path_factory.mktemp("data"), 0, {"train": 4, "test": 1})
    return root


@pytest.fixture
def typed(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """A training of one step as it is typed."""

    def typed(recipe: str, family: str, *more: str) -> list[str]:
        words = ["train", "--recipe", recipe, "--model", str(checkpoints[family]), "--task", "synthetic@train"]
        words += [
            "--data-root",
            str(data),
            "--output",
            str(tmp_path / "out"),
            "--set",
            "max_steps=1",
            "--set",
            "prompts_per_step=2",
        ]
        return [*words, *([] if recipe == "sft" else ["--set", "max_completion_length=6"]), *more]

    return typed


def drop(patch: Patch, family: str, *names: str) -> None:
    """The towers swallow keywords: TRL has its own head, and calls what lies below it."""
    seeing = FAMILIES[family].forward

    def forward(self: Any, *given: Any, **keywords: Any) -> Any:
        for name in names:
            keywords.pop(name, None)
        return seeing(self, *given, **keywords)

    patch.setattr(FAMILIES[family], "forward", forward)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("recipe", ["tempsamp", "sft"])
def test_a_training_says_what_it_sees(recipe: str, family: str, typed: Any, tmp_path: Path) -> None:
    assert main(typed(recipe, family)) == 0
    (session,) = json.loads((tmp_path / "out" / "train.json").read_text(encoding="utf-8"))["sessions"]
    every = "frame 1, frame 2, frame 3, frame 4, the order of the frames, the vision tower"
    every += ", its deepstack features 1" if family == "qwen3_vl" else ""
    expected = {"loss": f"probed: log-probabilities in the loss follow {every}"}
    expected |= {} if recipe == "sft" else {"rollouts": f"probed: logits of rollouts follow {every}"}
    assert session["sight"] == expected


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("recipe", "names", "words"),
    [
        ("grpo", ["mm_encoder_outputs"], "the same logits of rollouts whatever frame 1"),
        ("grpo", ["pixel_values_videos"], "the same log-probabilities in the loss whatever frame 1"),
        ("sft", ["pixel_values_videos"], "the same log-probabilities in the loss whatever frame 1"),
    ],
)
def test_a_blind_training_is_refused(
    recipe: str,
    names: list[str],
    words: str,
    family: str,
    typed: Any,
    tmp_path: Path,
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drop(monkeypatch, family, *names)
    assert main(typed(recipe, family)) == 2
    shown = capsys.readouterr().err
    assert words in shown and "expected: a model that sees the video" in shown
    assert not (tmp_path / "out" / "model.safetensors").exists() and not (tmp_path / "out" / "log.jsonl").exists()


def swapped_features(patch: Patch) -> None:
    """Every prompt is generated with the features of its neighbour."""
    prefill = generate.prefill

    def swapped(model: Any, rows: Any, lengths: Any, video: Any) -> Any:
        video.pooler_output = video.pooler_output[::-1]
        return prefill(model, rows, lengths, video)

    patch.setattr(rollout.generate, "prefill", swapped)


def neighbours_pixels(patch: Patch) -> None:
    """Every group of a packed batch has the video of the first."""
    pack = packed.pack
    patch.setattr(packed, "pack", lambda groups, *rest: pack([replace(g, video=groups[0].video) for g in groups], *rest))


@pytest.mark.parametrize(("blind", "words"), [(swapped_features, "logits of rollouts"), (neighbours_pixels, "in the loss")])
def test_the_video_of_a_neighbour_is_not_its_own(
    blind: Callable[[Patch], None], words: str, typed: Any, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    blind(monkeypatch)
    assert main(typed("grpo", "qwen2_5_vl")) == 2
    assert f"{words} whatever frame 1" in capsys.readouterr().err


class Engine:
    """In the place of vLLM: draws with the model itself, for some prompts under another video, in numbers of its own."""

    def __init__(self, trainer: Any, shown: Callable[[list[Any]], list[Any]]) -> None:
        self.trainer = trainer
        self.shown = shown

    def rollout(self, _engine: Any, _processor: Any, _config: Any, prompts: list[Any], *rest: Any) -> Any:
        copies, rules, seeds, _ = rest
        given = [replace(prompt, video=other.video) for prompt, other in zip(prompts, self.shown(prompts), strict=True)]
        drawn = rollout.draw(self.trainer.model, given, copies, rules, seeds)
        noise = torch.Generator().manual_seed(0)
        return [[self._rounded(output, noise) for output in group] for group in drawn]

    def _rounded(self, output: generate.Output, noise: torch.Generator) -> generate.Output:
        moved = torch.tensor(output.logprobs) + 0.01 * torch.randn(len(output.ids), generator=noise)
        return output._replace(logprobs=tuple(moved.tolist()))


@pytest.mark.parametrize(
    ("shown", "blind"),
    [
        (lambda prompts: prompts, False),
        (lambda prompts: [prompts[0]] * len(prompts), True),
        (lambda prompts: prompts[::-1], True),
    ],
    ids=["its own", "the first", "the other"],
)
def test_vllm_is_probed_by_its_log_probabilities(
    shown: Any, blind: bool, typed: Any, monkeypatch: Patch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    begin = sight.Sight.on_train_begin

    def by_vllm(self: Any, *given: Any, **keywords: Any) -> None:
        self.trainer.use_vllm, self.trainer._last_loaded_step = True, self.trainer.state.global_step
        self.trainer.vllm_generation = SimpleNamespace()
        monkeypatch.setattr(rollout, "draw_by_vllm", Engine(self.trainer, shown).rollout)
        begin(self, *given, **keywords)
        self.trainer.use_vllm = False

    monkeypatch.setattr(sight.Sight, "on_train_begin", by_vllm)
    monkeypatch.setattr(grpo.VideoGRPOTrainer, "_last_loaded_step", 0, raising=False)
    assert main(typed("grpo", "qwen3_vl")) == (2 if blind else 0)
    shown_words = capsys.readouterr().err
    if blind:
        assert "expected: log-probabilities of vLLM that follow the video" in shown_words
        return
    (session,) = json.loads((tmp_path / "out" / "train.json").read_text(encoding="utf-8"))["sessions"]
    assert session["sight"]["rollouts"].startswith("probed: log-probabilities of vLLM are those of the loss")
