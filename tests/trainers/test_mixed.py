"""Questions of two protocols in one list: each is read, rewarded and counted by its own rules."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from trl import GRPOConfig

from harness.frames import Frames
from harness.models.checkpoint import Checkpoint
from harness.models.hf import HfModel
from tasks import protocol
from tasks.errors import InputError
from tasks.question import Question
from tasks.span import Span
from trainers.curriculum import curriculum
from trainers.examples import Examples
from trainers.given_answers import given_answers
from trainers.methods.configs import sampling
from trainers.methods.dev_evaluation import main_metrics
from trainers.methods.grpo import OffPolicy, VideoGRPOTrainer
from trainers.methods.rollout_metrics import RolloutMetrics
from trainers.mix import Share
from trainers.rewards import RecipeReward

Load = Callable[..., tuple[Any, Any, Examples]]
TAGGED, PLAIN = protocol.load("default"), protocol.load("synthetic")
"""`default` wants the moment inside tags, `synthetic` wants the bare moment; they read other frames and say other prompts."""


def two(examples: Examples) -> tuple[list[Question], list[Question]]:
    """Half of the questions under either protocol."""
    questions = list(examples.questions.values())
    return questions[::2], [question._replace(protocol=TAGGED) for question in questions[1::2]]


def mixed(examples: Examples) -> list[Question]:
    return [question for pair in zip(*two(examples), strict=True) for question in pair]


def rows_of(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Columns as they come back from a dataset."""
    return list(Dataset.from_list(curriculum([Share(questions)], ["direct"], 0)))


def truth(row: dict[str, Any]) -> str:
    start, end = row["targets"][0]
    return f"<answer> {start} to {end} </answer>" if row["protocol_name"] == "default" else f"{start} to {end}"


def rewarded(reward: Any, rows: list[dict[str, Any]], texts: list[str]) -> list[float | None]:
    """The reward called as TRL calls it."""
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "prompt"}
    values: list[float | None] = reward(
        prompts=[row["prompt"] for row in rows],
        completions=[[{"role": "assistant", "content": text}] for text in texts],
        completion_ids=[[0] for _ in rows],
        trainer_state=None,
        **columns,
    )
    return values


def test_a_reward_scores_each_row_by_its_own_protocol(load: Load) -> None:
    examples = load("qwen3_vl")[2]
    rows = rows_of(mixed(examples))
    protocols = {"default": TAGGED, "synthetic": PLAIN}
    reward = RecipeReward("iou", protocols)
    assert rewarded(reward, rows, [truth(row) for row in rows]) == [1.0] * len(rows)
    # Without tags `default` reads nothing.
    bare = [truth({**row, "protocol_name": "synthetic"}) for row in rows]
    assert rewarded(reward, rows, bare) == [float(row["protocol_name"] == "synthetic") for row in rows]
    direct_only = RecipeReward("iou", protocols, ("cot",))
    assert rewarded(direct_only, rows, bare) == [None] * len(rows)


def test_a_users_own_reward_is_called_once(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def own(completions, bonus=0.0, **_):\n    return [len(completions) + bonus for _ in completions]\n")
    rows = rows_of(mixed(load("qwen3_vl")[2]))
    reward = RecipeReward(str(file), {"default": TAGGED, "synthetic": PLAIN}, settings={"bonus": 0.5})
    assert rewarded(reward, rows, ["x"] * len(rows)) == [len(rows) + 0.5] * len(rows)


def test_figures_of_a_mixed_generation_are_those_of_its_parts(load: Load) -> None:
    rows = rows_of(mixed(load("qwen3_vl")[2]))
    texts = [truth(row) if index % 3 else "nothing" for index, row in enumerate(rows)]
    figures = RolloutMetrics({"default": TAGGED, "synthetic": PLAIN}, 3)
    parts = [[index for index, row in enumerate(rows) if row["protocol_name"] == name] for name in ("default", "synthetic")]
    found = figures(0, rows, texts, [True] * len(rows), [1.0] * len(rows))
    apart = [
        figures(0, [rows[i] for i in part], [texts[i] for i in part], [True] * len(part), [1.0] * len(part)) for part in parts
    ]
    for name in ("iou", "parse_rate"):
        assert found[name] == pytest.approx(sum(a[name] * len(part) for a, part in zip(apart, parts, strict=True)) / len(rows))


def test_frames_are_read_under_the_rules_of_each_question(load: Load) -> None:
    """The same video under two sets of video rules is read twice, under one once, and each prompt has its own words."""
    _, _, made = load("qwen3_vl")
    questions = [question._replace(protocol=rules) for question in made.questions.values() for rules in (PLAIN, TAGGED)]
    read: list[tuple[str, str]] = []
    names = {PLAIN.video: "synthetic", TAGGED.video: "default"}

    def reading(path: Path, clip: Span | None, rules: Any) -> Frames:
        read.append((path.stem, names[rules]))
        frames = made._read(path, clip, rules)
        assert isinstance(frames, Frames)
        return frames if rules == PLAIN.video else replace(frames, pixels=frames.pixels[:4], time_s=frames.time_s[:4])

    examples = Examples(questions, made.inputs, reading)
    for row in rows_of(questions):
        taken, prompt = examples.take(row)
        assert taken["protocol_name"] == row["protocol_name"]
        if row["protocol_name"] == "default":
            assert prompt.video.grid[0, 0] == 2
        tokenizer = made.inputs.processor.tokenizer
        assert row["prompt"][0]["content"].strip() in tokenizer.decode(prompt.row.ids)
    assert sorted(read) == sorted((video, name) for video in "abcde" for name in ("default", "synthetic"))


def test_two_protocols_of_one_name_are_refused(load: Load) -> None:
    _, _, made = load("qwen3_vl")
    other = replace(PLAIN, decoding=replace(PLAIN.decoding, max_new_tokens=1))
    first, second, *_ = made.questions.values()
    with pytest.raises(InputError, match="two called synthetic"):
        Examples([first, second._replace(protocol=other)], made.inputs, made._read)


def test_dev_evaluation_of_a_mixed_list_is_that_of_its_parts(load: Load, checkpoints: dict[str, Path]) -> None:
    network, processor, made = load("qwen3_vl")
    model = HfModel(Checkpoint("tiny", checkpoints["qwen3_vl"], "qwen3_vl", None), network.eval(), processor)
    short = {p.name: replace(p, decoding=replace(p.decoding, max_new_tokens=8)) for p in (PLAIN, TAGGED)}
    questions = [question._replace(protocol=short[question.protocol.name]) for question in mixed(made)]
    found = main_metrics(model, questions, made._read)
    apart = {name: [q for q in questions if q.protocol is rules] for name, rules in short.items()}
    expected = {f"{name}/mIoU": main_metrics(model, asked, made._read)["mIoU"] for name, asked in apart.items()}
    assert found == expected and len(found) == 2


@pytest.mark.parametrize("shaping", [None, "nonlinear"])
def test_a_mixed_list_trains(shaping: str | None, load: Load, tmp_path: Path) -> None:
    """Rows of both protocols in one batch; the given answer of each group is in its own words."""
    model, processor, made = load("qwen3_vl")
    questions = mixed(made)
    examples = Examples(questions, made.inputs, made._read)
    args = GRPOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=8, num_generations=4, steps_per_generation=1, max_steps=2,
        max_completion_length=6, remove_unused_columns=False, shuffle_dataset=False, use_cpu=True, bf16=False,
        report_to="none", disable_tqdm=True, logging_steps=1, save_strategy="no", learning_rate=1e-3,
        gradient_checkpointing=False, dataloader_pin_memory=False,
    )  # fmt: skip
    given = None if shaping is None else OffPolicy(given_answers("ground-truth", questions, ["direct"]), shaping)
    trainer = VideoGRPOTrainer(
        model=model,
        args=args,
        processing_class=processor,
        train_dataset=Dataset.from_list(curriculum([Share(questions)], ["direct"], 1)),
        reward_funcs=[RecipeReward("iou", examples.protocols)],
        examples=examples,
        rules=sampling(model, processor, args),
        off_policy=given,
        metrics=RolloutMetrics(examples.protocols, 3),
    )
    trainer.train()
    losses = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2
    if given is not None:
        texts = [given.answer(row) for row in trainer.train_dataset]
        assert {text.startswith("<answer>") for text in texts} == {True, False}
        assert all(entry["rewards/iou/mean"] == pytest.approx(0.25, abs=0.25) for entry in losses)
