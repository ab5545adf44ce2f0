"""The SFT trainer against the model's own forward on the answer, one row at a time."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from trl import SFTConfig

from trainers.curriculum import curriculum
from trainers.examples import Examples
from trainers.given_answers import given_answers
from trainers.methods.sft import VideoSFTTrainer
from trainers.mix import Share

Load = Callable[..., tuple[Any, Any, Examples]]
FAMILIES = ("qwen2_5_vl", "qwen3_vl")


def trainer_of(load: Load, family: str, folder: Path, modes: tuple[str, ...] = ("direct",), **values: Any) -> Any:
    model, processor, examples = load(family)
    settings: dict[str, Any] = {
        "output_dir": str(folder), "per_device_train_batch_size": 2, "remove_unused_columns": False, "use_cpu": True,
        "bf16": False, "report_to": "none", "disable_tqdm": True, "learning_rate": 1e-3, "logging_steps": 1,
        "save_strategy": "no", "dataset_kwargs": {"skip_prepare_dataset": True}, "max_length": None, "num_train_epochs": 1,
        "dataloader_pin_memory": False,
    }  # fmt: skip
    questions = list(examples.questions.values())
    return VideoSFTTrainer(
        model=model,
        args=SFTConfig(**{**settings, **values}),
        processing_class=processor,
        train_dataset=Dataset.from_list(curriculum([Share(questions)], modes, 0)),
        examples=examples,
        answer=given_answers("ground-truth", questions, modes),
    )


def plain(trainer: Any, row: Mapping[str, Any]) -> tuple[torch.Tensor, int]:
    """Summed cross-entropy of the answer and its tokens, by the model's ordinary forward on prompt and answer."""
    model, tokenizer = trainer.model, trainer.processing_class.tokenizer
    _, prompt = trainer.examples.take(row)
    answer = tokenizer(trainer.answer(row) + "<|im_end|>", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([[*prompt.row.ids, *answer]])
    video: dict[str, Any] = {"pixel_values_videos": prompt.video.pixels, "video_grid_thw": prompt.video.grid}
    if prompt.video.seconds is not None:
        video["second_per_grid_ts"] = torch.tensor([prompt.video.seconds])
    types = (ids == model.config.video_token_id).int() * 2
    logits = model(input_ids=ids, mm_token_type_ids=types, **video).logits[0, -len(answer) - 1 : -1]
    return cross_entropy(logits, torch.tensor(answer), reduction="sum"), len(answer)


def seen(trainer: Any) -> list[str]:
    """Ids of the rows that are collated from now on, in order."""
    ids: list[str] = []
    take = trainer.examples.take
    trainer.examples.take = lambda row: ids.append(f"{row['id']} {row['mode']}") or take(row)
    return ids


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout", ["repeated", "branches"])
def test_the_loss_is_plain_cross_entropy(family: str, layout: str, load: Load, tmp_path: Path) -> None:
    """Over the tokens of all answers of the batch, with the gradients of every weight; also with three videos in one row."""
    trainer = trainer_of(load, family, tmp_path, per_device_train_batch_size=3)
    assert layout in trainer.layouts
    trainer.layouts = (layout,)
    trainer.model.train()
    rows = [trainer.train_dataset[index] for index in range(3)]
    sums, counts = zip(*(plain(trainer, row) for row in rows), strict=True)
    assert len({len(trainer.examples.take(row)[1].row.ids) for row in rows}) > 1
    expected = sum(sums) / sum(counts)
    expected.backward()
    gradients = {name: weight.grad.clone() for name, weight in trainer.model.named_parameters()}
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    loss.backward()
    assert abs(float(loss - expected)) < 1e-6
    for name, weight in trainer.model.named_parameters():
        assert (weight.grad - gradients[name]).abs().max() < 1e-6, name
    tokens = [len(trainer.examples.take(row)[1].row.ids) + count for row, count in zip(rows, counts, strict=True)]
    # Padding is not counted.
    assert trainer._metrics["train"]["num_tokens"] == [sum(tokens)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_learns(family: str, load: Load, tmp_path: Path) -> None:
    trainer = trainer_of(load, family, tmp_path, max_steps=3)
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(log) == 3 and all(math.isfinite(value) for entry in log for value in entry.values())
    assert [entry["num_tokens"] for entry in log] == sorted({entry["num_tokens"] for entry in log})
    still = [name for name, weight in trainer.model.named_parameters() if torch.equal(weight, before[name])]
    assert any("visual" in name for name in before) and still == []


def test_rows_come_in_the_order_of_the_curriculum(load: Load, tmp_path: Path) -> None:
    """An epoch of answers, then one with thoughts, each in its own order."""
    trainer = trainer_of(load, "qwen3_vl", tmp_path, ("direct", "cot"))
    ids = seen(trainer)
    trainer.train()
    assert ids == [f"{row['id']} {row['mode']}" for row in trainer.train_dataset]
    assert [name.rpartition(" ")[2] for name in ids] == ["direct"] * 10 + ["cot"] * 10
    assert {name.rpartition(" ")[0] for name in ids[:10]} == {name.rpartition(" ")[0] for name in ids[10:]}
    assert trainer.state.global_step == 10


def test_thoughts_are_learnt(load: Load, tmp_path: Path) -> None:
    trainer = trainer_of(load, "qwen3_vl", tmp_path, ("cot",), per_device_train_batch_size=1)
    group = trainer._collate([trainer.train_dataset[0]])["groups"][0]
    text = trainer.processing_class.tokenizer.decode(group.branches[0].labels[1:])
    (start, end), *_ = trainer.train_dataset[0]["targets"]
    assert text == f"<think> {start:.1f} to {end:.1f} </think>\n{start:.1f} to {end:.1f}<|im_end|>"
    loss, count = plain(trainer, trainer.train_dataset[0])
    found = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    assert abs(float(found - loss / count)) < 1e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_accumulated_batches_are_one_batch(family: str, load: Load, tmp_path: Path) -> None:
    """Two answers one by one and both at once: the same gradient, also where one answer is longer."""
    gradients = []
    for size in (1, 2):
        settings = {"per_device_train_batch_size": size, "gradient_accumulation_steps": 2 // size, "max_grad_norm": 0.0}
        trainer = trainer_of(load, family, tmp_path, max_steps=1, optim="sgd", learning_rate=1.0, **settings)
        told = trainer.answer
        first = trainer.train_dataset[0]["id"]
        trainer.answer = lambda row, told=told, first=first: told(row) + " seconds" * (row["id"] == first)
        before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
        trainer.train()
        gradients.append({name: before[name] - weight.detach() for name, weight in trainer.model.named_parameters()})
    assert max(float(gradient.abs().max()) for gradient in gradients[0].values()) > 1e-2
    for name, gradient in gradients[0].items():
        assert (gradient - gradients[1][name]).abs().max() < 1e-6, name
