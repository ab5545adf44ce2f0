"""Supervised fine-tuning with video on TRL: cross-entropy on the answer, prompts from the harness's input builder."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import torch
from torch.utils.data import SequentialSampler
from trl import SFTTrainer

from harness.models import attention
from trainers.examples import Examples
from trainers.methods import packed


class VideoSFTTrainer(SFTTrainer):
    """`trl.SFTTrainer` for prompts with a video; `answer` gives the text that is learnt of a row of the dataset."""

    def __init__(self, *, examples: Examples, answer: Callable[[Mapping[str, Any]], str], **options: Any) -> None:
        self.examples = examples
        self.answer = answer
        super().__init__(data_collator=self._collate, **options)
        # Qwen-VL says no, but it is TRL that computes the loss: so the mean is over the answer tokens of a whole step, however
        # it is divided into micro-batches and processes.
        self.model_accepts_loss_kwargs = True
        model = self.accelerator.unwrap_model(self.model)
        attention.by_tower(model)
        # Several videos fit into a row where that takes less time than padding.
        self.layouts, self.prices = packed.layouts(model.config), packed.prices(model.config)

    def _collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The groups of a batch, and their labels, by which tokens are counted."""
        started = perf_counter()
        tokenizer = self.processing_class.tokenizer
        # The count leaves out the first label, as that of a whole row, which nothing predicts.
        groups, labels = [], [packed.IGNORED]
        for row in rows:
            taken, prompt = self.examples.take(row)
            ids = tokenizer(self.answer(taken), add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
            groups.append(packed.completions(prompt.row, prompt.video, [ids]))
            labels += ids
        self._metrics["train"]["seconds/read"].append(perf_counter() - started)
        return {"groups": groups, "labels": torch.tensor(labels)}

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss on the packed rows."""
        groups = inputs["groups"]
        layout = packed.cheapest([packed.lengths(group) for group in groups], self.layouts, self.prices)
        self._metrics["train"]["layout/branches"].append(float(layout == "branches"))
        rows = packed.pack(groups, next(model.parameters()).dtype, self.accelerator.device, layout)
        with packed.averaged_head():
            return super().compute_loss(model, rows, return_outputs, num_items_in_batch)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["groups", "labels"]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        # The rows lie in the order in which they are to be learnt.
        return SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)
