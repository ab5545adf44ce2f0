"""The GRPO trainer against TRL's own loss, on the same generations with the prompt repeated."""

import math
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from harness.models.generate import Row
from trainers.curriculum import curriculum
from trainers.examples import Examples, Prompt
from trainers.given_answers import given_answers
from trainers.methods import packed
from trainers.methods.configs import sampling
from trainers.methods.grpo import OffPolicy, VideoGRPOTrainer
from trainers.methods.rollout_metrics import RolloutMetrics
from trainers.mix import Share
from trainers.recipe import SHAPINGS
from trainers.rewards import RecipeReward
from trainers.rollout import Turn

Load = Callable[..., tuple[Any, Any, Examples]]


def length(completions: list[Any], **_: Any) -> list[float]:
    """A reward that differs within nearly every group of random replies."""
    return [float(len(completion[0]["content"]) % 7) for completion in completions]


def trainer_of(load: Load, family: str, folder: Path, shaping: str | None = None, reward: Any = length, **values: Any) -> Any:
    model, processor, examples = load(family)
    settings: dict[str, Any] = {
        "output_dir": str(folder), "per_device_train_batch_size": 4, "num_generations": 4, "steps_per_generation": 1,
        "max_completion_length": 8, "remove_unused_columns": False, "shuffle_dataset": False, "use_cpu": True, "bf16": False,
        "report_to": "none", "disable_tqdm": True, "learning_rate": 1e-3, "logging_steps": 1, "save_strategy": "no",
        "gradient_checkpointing": False, "dataloader_pin_memory": False,
    }  # fmt: skip
    args = GRPOConfig(**{**settings, **values})
    questions = list(examples.questions.values())
    given = None if shaping is None else OffPolicy(given_answers("ground-truth", questions, ["direct"]), shaping)
    trainer = VideoGRPOTrainer(
        model=model,
        args=args,
        processing_class=processor,
        train_dataset=Dataset.from_list(curriculum([Share(questions)], ["direct"], 0)),
        reward_funcs=[reward],
        examples=examples,
        rules=sampling(model, processor, args),
        off_policy=given,
        metrics=RolloutMetrics(examples.protocols, 3),
    )
    trainer.current_gradient_accumulation_steps = args.gradient_accumulation_steps  # as in its training loop
    return trainer


def batch_of(trainer: Any) -> list[dict[str, Any]]:
    return next(iter(trainer.get_train_dataloader()))


def with_videos(model: Any, prompts: list[Prompt]) -> Callable[..., Any]:
    """The model with the videos of a batch bound to it, for TRL's own log-probabilities."""
    seconds = [prompt.video.seconds for prompt in prompts]
    videos: dict[str, Any] = {
        "pixel_values_videos": torch.cat([prompt.video.pixels for prompt in prompts]),
        "video_grid_thw": torch.cat([prompt.video.grid for prompt in prompts]),
        **({} if seconds[0] is None else {"second_per_grid_ts": torch.tensor(seconds)}),
    }

    def call(**keywords: Any) -> Any:
        types_ = (keywords["input_ids"] == model.config.video_token_id).int() * 2
        return model(**{**keywords, "mm_token_type_ids": types_}, **videos)

    return call


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


LOSSES = [
    {"loss_type": "grpo", "beta": 0.04},
    {"loss_type": "dapo", "epsilon_high": 0.28},
    {"loss_type": "dr_grpo", "scale_rewards": "none"},
    {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4},
]


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize("layout", packed.LAYOUTS)
@pytest.mark.parametrize("values", LOSSES, ids=lambda values: values["loss_type"])
def test_loss_and_gradients_are_trls(family: str, layout: str, values: dict[str, Any], load: Load, tmp_path: Path) -> None:
    """No off-policy answer, no shaping, the same generations: TRL's own code path on the repeated prompt is the reference."""
    trainer = trainer_of(load, family, tmp_path, per_device_train_batch_size=8, **values)
    trainer.layouts = (layout,)
    trainer.model.train()
    inputs = trainer._prepare_inputs(batch_of(trainer))
    assert len({id(prompt) for prompt in inputs["video_prompts"]}) == 2
    ours = trainer._compute_loss(trainer.model, inputs)
    made = gradients(trainer.model, ours)
    bound = with_videos(trainer.model, inputs["video_prompts"])
    trainer._get_per_token_logps_and_entropies = types.MethodType(GRPOTrainer._get_per_token_logps_and_entropies, trainer)
    assert trainer._metrics["train"][f"layout/{layout}"][-1] == 1
    theirs = GRPOTrainer._compute_loss(trainer, bound, inputs)
    expected = gradients(trainer.model, theirs)
    assert abs(float(ours - theirs)) < 1e-6
    assert made.keys() == expected.keys()
    assert max(float(gradient.abs().max()) for gradient in made.values()) > 1e-4
    for name, gradient in expected.items():
        assert (made[name] - gradient).abs().max() < 1e-6, name


def test_the_objective_is_eq_1(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked in plain Python: two replies of two tokens, one ratio clipped, one reply with a token that is padding."""
    trainer = trainer_of(load, "qwen3_vl", tmp_path, loss_type="grpo", beta=0.04, epsilon=0.2, use_bias_correction_kl=False)
    trainer.model.train()
    now, old, reference = [[-1.0, -0.5], [-2.0, 0.0]], [[-1.5, -0.5], [-1.9, 0.0]], [[-1.2, -0.4], [-2.5, 0.0]]
    values = torch.tensor(now)
    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *_, **__: (values, torch.zeros(2, 2), None))
    inputs = {
        "prompt_ids": torch.ones(2, 1, dtype=torch.long), "prompt_mask": torch.ones(2, 1, dtype=torch.long),
        "completion_ids": torch.ones(2, 2, dtype=torch.long), "completion_mask": torch.tensor([[1, 1], [1, 0]]),
        "advantages": torch.tensor([0.7, -0.7]), "old_per_token_logps": torch.tensor(old),
        "ref_per_token_logps": torch.tensor(reference), "num_items_in_batch": torch.tensor(3),
        "video_prompts": [None, None], "sampled_logprobs": [None, None],
    }  # fmt: skip
    trainer.turn = Turn(logprobs=values)
    loss = float(trainer._compute_loss(trainer.model, inputs))

    def term(reply: int, token: int, advantage: float) -> float:
        ratio = math.exp(now[reply][token] - old[reply][token])
        away = reference[reply][token] - now[reply][token]
        return min(ratio * advantage, min(max(ratio, 0.8), 1.2) * advantage) - 0.04 * (math.exp(away) - away - 1)

    objective = ((term(0, 0, 0.7) + term(0, 1, 0.7)) / 2 + term(1, 0, -0.7)) / 2
    assert loss == pytest.approx(-objective, abs=1e-6)
    assert min(math.exp(0.5) * 0.7, 1.2 * 0.7) == 1.2 * 0.7  # the clip acts on the first token


def test_rows_keep_their_videos_and_groups_through_the_split(load: Load, tmp_path: Path) -> None:
    """Drawn together for three micro-batches; TRL would shuffle rows, which tears groups apart."""
    trainer = trainer_of(load, "qwen3_vl", tmp_path, steps_per_generation=3, gradient_accumulation_steps=3)
    trainer.model.train()
    trainer._prepare_inputs(batch_of(trainer))
    batches = trainer._buffered_inputs
    assert len(batches) == 3
    assert [len({id(prompt) for prompt in batch["video_prompts"]}) for batch in batches] == [1, 1, 1]
    assert len({id(batch["video_prompts"][0]) for batch in batches}) == 3
    # Each is used once, then the next are drawn.
    drawn = trainer._buffered_inputs
    for step in range(1, 4):
        trainer._step = step
        found = trainer._prepare_inputs(batch_of(trainer))
        assert (found is batches[step % 3]) == (step < 3) and (trainer._buffered_inputs is drawn) == (step < 3)
    for batch in batches:
        trainer.turn = Turn(prompts=batch["video_prompts"])
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
        width = batch["completion_ids"].shape[1]
        with torch.no_grad():
            found = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, width)[0]
        for row, prompt in enumerate(batch["video_prompts"]):
            own = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()].tolist()
            assert own == prompt.row.ids
            with torch.no_grad():
                alone = GRPOTrainer._get_per_token_logps_and_entropies(
                    trainer, with_videos(trainer.model, [prompt]), ids[row : row + 1], mask[row : row + 1], width
                )[0]
            assert (found[row] - alone[0]).abs().max() < 1e-5


@pytest.mark.parametrize("share", [True, False])
def test_sampled_and_trained_log_probabilities_agree(share: bool, load: Load, tmp_path: Path) -> None:
    trainer = trainer_of(load, "qwen2_5_vl", tmp_path, per_device_train_batch_size=8, temperature=0.7)
    trainer.share = share
    trainer.model.train()
    inputs = trainer._prepare_inputs(batch_of(trainer))
    trainer._compute_loss(trainer.model, inputs)
    gap = trainer._metrics["train"]["rollout_logprob_gap"]
    assert len(gap) == 1 and gap[0] < 1e-5


def test_off_policy_answers_are_not_generated(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(load, "qwen3_vl", tmp_path, "none", per_device_train_batch_size=8)
    trainer.model.train()
    asked: list[Row] = []
    from harness.models import generate

    drawn = generate.generate
    monkeypatch.setattr(generate, "generate", lambda model, rows, *rest: asked.extend(rows) or drawn(model, rows, *rest))
    batch = batch_of(trainer)
    output = trainer._generate_and_score_completions(batch)
    assert len(asked) == 6
    tokenizer = trainer.processing_class.tokenizer
    for row in range(8):
        ids = output["completion_ids"][row][output["completion_mask"][row].bool()].tolist()
        if row % 4 == 3:
            start, end = batch[row]["targets"][0]
            assert tokenizer.decode(ids) == f"{start:.1f} to {end:.1f}<|im_end|>"
            assert output["sampled_logprobs"][row] is None
        else:
            assert len(output["sampled_logprobs"][row]) == len(ids)
    assert "old_per_token_logps" not in output  # one update a batch: the ratio is 1, also for the given answer


def test_old_log_probabilities_of_given_answers_are_the_policys(load: Load, tmp_path: Path) -> None:
    trainer = trainer_of(load, "qwen3_vl", tmp_path, "nonlinear", num_iterations=2)
    trainer.model.train()
    output = trainer._generate_and_score_completions(batch_of(trainer))
    prompt, width = output["video_prompts"][3], output["completion_ids"].shape[1]
    with torch.no_grad():
        policy = GRPOTrainer._get_per_token_logps_and_entropies(
            trainer,
            with_videos(trainer.model, [prompt]),
            torch.cat([output["prompt_ids"], output["completion_ids"]], 1)[3:4],
            torch.cat([output["prompt_mask"], output["completion_mask"]], 1)[3:4],
            width,
        )[0]
    assert (output["old_per_token_logps"][3] - policy[0]).abs().max() < 1e-5


def test_no_shaping_is_trls_advantage(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(load, "qwen3_vl", tmp_path, "none", per_device_train_batch_size=8)
    trainer.model.train()
    kept: list[torch.Tensor] = []
    made = trainer._mixed_advantages
    monkeypatch.setattr(trainer, "_mixed_advantages", lambda plain: kept.append(plain) or made(plain))
    output = trainer._generate_and_score_completions(batch_of(trainer))
    assert kept[0].abs().max() > 0.1
    assert (output["advantages"] - kept[0]).abs().max() < 1e-6


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize("shaping", [None, *SHAPINGS])
def test_every_shaping_trains(family: str, shaping: str | None, load: Load, tmp_path: Path) -> None:
    reward = RecipeReward("iou", load(family)[2].protocols) if shaping else length
    trainer = trainer_of(
        load, family, tmp_path, shaping, reward, max_steps=2, loss_type="grpo", beta=0.0 if shaping == "anchor" else 0.01
    )
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2 and all(abs(loss) < 1e3 for loss in losses)
    moved = [name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, before[name])]
    # With the anchor and replies that are all equally wrong, nothing is learnt: section 3.2.
    assert len(moved) == (0 if shaping == "anchor" else len(before))


def test_replies_drawn_together_are_those_drawn_apart(load: Load, tmp_path: Path) -> None:
    """The same seeds and prompts, micro-batch by micro-batch."""
    replies = []
    for together in (1, 3):
        trainer = trainer_of(load, "qwen3_vl", tmp_path, steps_per_generation=together, gradient_accumulation_steps=3)
        trainer.model.train()
        batches = iter(trainer.get_train_dataloader())
        found = []
        for step in range(3):
            trainer._step = step
            inputs = trainer._prepare_inputs(next(batches))
            rows = zip(inputs["prompt_ids"], inputs["completion_ids"], strict=True)
            found += sorted((prompt[prompt > 0].tolist(), reply[:3].tolist()) for prompt, reply in rows)
        replies.append(found)
    assert replies[0] == replies[1]
