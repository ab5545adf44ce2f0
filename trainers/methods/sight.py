"""Before its first step, a training is seen to see the video: rollouts and the loss follow it, by the trainer's own functions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from accelerate.utils import is_peft_model
from transformers import TrainerCallback

from harness.frames import Frames
from harness.models import sight
from harness.models.inputs import Inputs
from harness.models.torchvision_fix import TRANSFORMERS
from tasks.errors import InputError
from tasks.rules import PromptRules
from trainers.examples import Prompt
from trainers.methods import packed

REPLIES = ("1.0 to 2.0", "3.0 to 4.0")  # What the loss is probed with; a group that shares its prompt has two
DRAWN = 4  # Replies of vLLM to each of two videos, of at most `DRAWN_TOKENS` tokens
DRAWN_TOKENS = 8

CLOSER = 2.0
"""By how much the log-probabilities of vLLM must be closer to those under the video it was given than to those under another."""


class Sight(TrainerCallback):
    """Probes when the model is wrapped, sharded and on its device, and records what was found; InputError where it is blind."""

    def __init__(self, trainer: Any, inputs: Inputs, rules: PromptRules, record: Callable[[dict[str, str]], None]) -> None:
        self.trainer = trainer
        self.inputs = inputs
        self.rules = rules
        self.record = record

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Probe in evaluation mode: without dropout, two passes are alike."""
        wrapped = self.trainer.model_wrapped
        training = wrapped.training
        wrapped.eval()
        try:
            with torch.no_grad():
                self.record(probe(self.trainer, self.inputs, self.rules))
        finally:
            wrapped.train(training)


def probe(trainer: Any, inputs: Inputs, prompt_rules: PromptRules) -> dict[str, str]:
    """What the loss and the rollouts of a trainer were seen to follow. Raises InputError where they do not."""
    unwrapped = trainer.accelerator.unwrap_model(trainer.model)
    model = unwrapped.get_base_model() if is_peft_model(unwrapped) else unwrapped
    other = sight.clip(inputs.pixel_factor, inputs.patch)
    other = replace(other, pixels=255 - other.pixels)

    def prompts(frames: Frames) -> list[Prompt]:
        """The clip behind another one, so that the features of a neighbour are not taken for its own."""
        shown = zip((other, frames), sight.TEXTS, strict=True)
        built = [inputs.build(clip, prompt_rules, [text], "cpu") for clip, text in shown]
        return [Prompt(rows[0], video) for rows, video in built]

    def loss(frames: Frames) -> torch.Tensor:
        texts = REPLIES if getattr(trainer, "share", False) else REPLIES[:1]
        replies = [trainer.processing_class.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
        return torch.cat(scores(trainer, prompts(frames), [replies] * 2)[1])[None]

    def rollouts(frames: Frames) -> torch.Tensor:
        rules = replace(trainer.rules, max_new_tokens=1)
        with sight.listening(model) as heard:
            trainer._draw(prompts(frames), [1, 2], [0, 1, 2], rules)
        return heard[-1][1:]

    found = {"loss": sight.probe(loss, model, inputs.pixel_factor, "log-probabilities in the loss")}
    if not hasattr(trainer, "rules"):
        return found
    if trainer.use_vllm:
        return {**found, "rollouts": _probe_vllm(trainer, prompts(sight.clip(inputs.pixel_factor, inputs.patch)))}
    return {**found, "rollouts": sight.probe(rollouts, model, inputs.pixel_factor, "logits of rollouts")}


def scores(trainer: Any, prompts: Sequence[Prompt], replies: Sequence[Sequence[Sequence[int]]]) -> list[list[torch.Tensor]]:
    """Log-probabilities of the tokens of each reply to each prompt, computed as the loss is, from packed rows."""
    groups = [packed.completions(prompt.row, prompt.video, ids) for prompt, ids in zip(prompts, replies, strict=True)]
    rows = packed.pack(groups, next(trainer.model.parameters()).dtype, trainer.accelerator.device)
    with trainer.accelerator.autocast():
        found = trainer.model_wrapped(**rows, fused_lm_head=True).log_probs
    every = iter(packed.scored(found.float(), rows["labels"], groups))
    return [[next(every) for _ in ids] for ids in replies]


def _probe_vllm(trainer: Any, prompts: Sequence[Prompt]) -> str:
    """vLLM gives the log-probabilities of what it draws alone: under which of two videos are they those of the loss?"""
    rules, seeds = replace(trainer.rules, max_new_tokens=DRAWN_TOKENS), [*range(DRAWN), *range(100, 100 + DRAWN)]
    drawn = trainer._draw(prompts, [DRAWN] * 2, seeds, rules)
    what = "log-probabilities of vLLM"
    for own, other, outputs in zip(prompts, prompts[::-1], drawn, strict=True):
        told = torch.tensor([value for output in outputs for value in output.logprobs])
        # The other video under the same question, so that the video alone is another.
        swapped = Prompt(own.row, other.video)
        gaps = [_gap(trainer, prompt, [output.ids for output in outputs], told) for prompt in (own, swapped)]
        if not gaps[0] * CLOSER < gaps[1]:
            found = f"{gaps[0]:.3g} away from the loss under the video it was given, {gaps[1]:.3g} under another"
            raise InputError(f"{what} that follow the video", found, f"--set use_vllm=false, or pip install '{TRANSFORMERS}'")
    return f"probed: {what} are those of the loss under the video it was given, not those under another"


def _gap(trainer: Any, prompt: Prompt, replies: Sequence[Sequence[int]], told: torch.Tensor) -> float:
    """Mean distance of log-probabilities from those in the loss, one row a reply: rows of any model and kernel."""
    found = [scores(trainer, [prompt], [[ids]])[0][0] for ids in replies]
    return float((torch.cat(found).cpu() - told).abs().mean())
