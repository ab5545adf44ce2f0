"""GRPO with video on TRL: prompts from the harness's input builder, groups that share them, and an off-policy answer.

What TRL does stays TRL's: sampling order, reward calls, loss types, clipping, KL, logging, checkpoints. Replaced are the
places that would repeat or drop the video: tokenizing, generating and computing log-probabilities.

One step, file by file, below `trainers/`:

1. `methods/grpo.py`, here: `_generate_and_score_completions`, then `_compute_loss`, from which TRL calls the other hooks.
2. `examples.py`: from rows of the dataset to prompts with their videos.
3. `rollout.py`: replies to them.
4. `rewards/__init__.py`: what each reply is worth, by the rewards that the recipe names.
5. `methods/advantages.py`: from rewards to advantages.
6. `methods/packed.py`: the rows of which log-probabilities, and so the loss, are computed.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch.nn.functional import pad
from trl import GRPOTrainer
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.utils import split_tensor_dict

from harness.models import attention, generate
from trainers import rollout
from trainers.examples import Examples, Prompt, Row
from trainers.methods import advantages, packed
from trainers.rollout import Turn

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OffPolicy:
    """The answer that takes the last place in every group."""

    answer: Callable[[Row], str]  # Text of the answer, given a row of the dataset
    shaping: str = "nonlinear"  # How it enters the advantages
    top: Callable[[Row], float] = lambda _: 1.0  # Largest accuracy a row can have


Metrics = Callable[[int, Sequence[Row], Sequence[str], Sequence[bool], Sequence[float]], Mapping[str, float]]
"""From a step, rows, their replies, which of those are the policy's own, and their rewards, to figures for the log."""


class VideoGRPOTrainer(GRPOTrainer):
    """`trl.GRPOTrainer` for prompts with a video.

    Args:
        examples: Gives each row of the dataset its prompt.
        rules: How tokens are chosen in generation.
        off_policy: The off-policy answer, or None for groups of the policy's own replies.
        shaped: Which reward functions make up the accuracy that is shaped, by position; the others are added afterwards.
        metrics: What else is logged of replies.
        redraws: How often at most groups whose rewards are all equal are drawn again.
        share: Whether a group shares its prompt; off, each row is computed on its own (for comparison).
        options: Arguments of `trl.GRPOTrainer`.

    `per_device_train_batch_size` must be a multiple of `num_generations`: a group stays on one process.
    """

    _last_loaded_step: int
    _buffered_inputs: Any

    def __init__(
        self,
        *,
        examples: Examples,
        rules: generate.Rules,
        off_policy: OffPolicy | None = None,
        shaped: Sequence[bool] = (),
        metrics: Metrics,
        redraws: int = 0,
        share: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.examples = examples
        self.rules = rules
        self.off_policy = off_policy
        self.shaped = list(shaped) or [True] * len(self.reward_funcs)
        self.metrics = metrics
        self.redraws = redraws
        config = self.accelerator.unwrap_model(self.model).config
        for model in (self.model, self.ref_model):
            if model is not None:
                attention.by_tower(self.accelerator.unwrap_model(model))
        reason = packed.packable(config)
        if share and reason:
            logger.warning("the prompt of a group is not shared in the loss, but repeated for each reply: %s", reason)
        self.share = share and reason is None
        self.layouts, self.prices = packed.layouts(config), packed.prices(config)
        self.turn = Turn()

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """TRL's; where replies are drawn for several micro-batches, it would shuffle their groups apart."""
        together = self.args.steps_per_generation
        if together == 1 or not self.model.training:
            return super()._prepare_inputs(generation_batch)
        if self._step % (together * self.num_iterations) == 0 or self._buffered_inputs is None:
            self._buffered_inputs = split_tensor_dict(self._generate_and_score_completions(generation_batch), together)
        return self._buffered_inputs[self._step % together]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        started = perf_counter()
        keys = [(row["id"], row["mode"], row["protocol_name"]) for row in inputs]
        taken = {key: self.examples.take(row) for key, row in dict(zip(keys, inputs, strict=True)).items()}
        rows, prompts = zip(*(taken[key] for key in keys), strict=True)
        step, number = self.state.global_step, self.turn.number + 1
        self.turn = Turn(step, number if self.turn.step == step else 0, rows, prompts)
        self._measure("seconds/read", perf_counter() - started)
        output = super()._generate_and_score_completions(list(rows))
        if self.off_policy is not None and self.model.training:
            output["advantages"] = self._mixed_advantages(output["advantages"])
        if self.model.training:
            groups = output["advantages"].view(-1, self.num_generations)
            self._measure("advantage_skewness", advantages.skewness(groups).mean().item())
        self._measure("seconds/rollout_and_reward", perf_counter() - started)
        # Lists are permuted and cut together with TRL's tensors.
        return {**output, "video_prompts": list(prompts), "sampled_logprobs": list(self.turn.sampled)}

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:  # noqa: ARG002
        return [prompt.row.ids for prompt in self.turn.prompts], None, {}

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: Any,  # noqa: ARG002
        multimodal_fields: Any,  # noqa: ARG002
        num_generations: int,
        **_: Any,
    ) -> tuple[list[list[int]], list[Any] | None]:
        rows = self.turn.rows
        given: dict[int, str] = {}
        if self.off_policy is not None and self.model.training:
            last_of_groups = range(num_generations - 1, len(rows), num_generations)
            given = {index: self.off_policy.answer(rows[index]) for index in last_of_groups}
        own = [index for index in range(len(prompt_ids)) if index not in given]
        tokenizer = self.processing_class.tokenizer
        encoded = {index: tokenizer(text, add_special_tokens=False)["input_ids"] for index, text in given.items()}
        answers = {index: [*ids, tokenizer.eos_token_id] for index, ids in encoded.items()}
        outputs = self._replies(own, 0)

        def ids_of() -> list[list[int]]:
            return [answers[index] if index in answers else outputs[index].ids for index in range(len(prompt_ids))]

        again: set[int] = set()
        for attempt in range(1, self.redraws + 1 if self.model.training else 0):
            flat = self._flat(ids_of(), num_generations)
            # Drawing may need every process.
            if not self.accelerator.reduce(torch.tensor(float(len(flat)), device=self.accelerator.device)).item():
                break
            again |= flat
            outputs |= self._replies([index for index in own if index // num_generations in flat], attempt)
        if self.redraws:
            self._log_metric("groups_drawn_again", len(again) * num_generations / len(rows))
        self._log_metric("own/length", sum(len(outputs[index].ids) for index in own) / len(own))
        sampled = [outputs[index].logprobs if index in outputs else None for index in range(len(prompt_ids))]
        self.turn = replace(self.turn, sampled=sampled)
        if not self.use_vllm:
            return ids_of(), None
        # TRL weighs tokens by what vLLM gave them; those it did not draw have no such number and keep their weight.
        return ids_of(), [[None] * len(ids) if values is None else values for ids, values in zip(ids_of(), sampled, strict=True)]

    def _replies(self, own: Sequence[int], attempt: int) -> dict[int, generate.Output]:
        """Replies of the policy to these rows, by row, in an attempt of their group."""
        prompts = self.turn.prompts
        distinct = list(dict.fromkeys(prompts[index] for index in own))
        members = [[index for index in own if prompts[index] is prompt] for prompt in distinct]
        order = [index for group in members for index in group]
        block = self.turn.number * self.accelerator.num_processes + self.accelerator.process_index
        seeds = rollout.seeds(self.args.seed, self.turn.step, attempt, block * len(prompts), order)
        drawn = self._draw(distinct, [len(group) for group in members], seeds, self.rules)
        return dict(zip(order, (output for group in drawn for output in group), strict=True))

    def _flat(self, ids: Sequence[Sequence[int]], num_generations: int) -> set[int]:
        """Groups of this process whose rewards are all equal, by which nothing is learnt."""
        texts = self.processing_class.tokenizer.batch_decode(ids, skip_special_tokens=True)
        columns = {name: [row[name] for row in self.turn.rows] for name in self.turn.rows[0]}
        said = [[{"role": "assistant", "content": text}] for text in texts]
        values = [reward(completions=said, **columns) for reward in self.reward_funcs]
        rewards = torch.tensor([[torch.nan if value is None else value for value in one] for one in values]).T
        return advantages.flat(advantages.totals(rewards, self.reward_weights).view(-1, num_generations))

    def _draw(
        self, prompts: Sequence[Prompt], copies: Sequence[int], seeds: Sequence[int], rules: generate.Rules
    ) -> list[list[generate.Output]]:
        """Replies to each prompt, by vLLM or by the model itself."""
        if self.use_vllm:
            if self.state.global_step != self._last_loaded_step:
                rollout.share(self.model)
                self.vllm_generation.sync_weights()
                self._last_loaded_step = self.state.global_step
            config, step = self.accelerator.unwrap_model(self.model).config, self.state.global_step
            drawing = self.vllm_generation, self.processing_class, config
            return rollout.draw_by_vllm(*drawing, prompts, copies, rules, seeds, step)
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as unwrapped,
            rollout.gathered(unwrapped, self.accelerator.state),
            self.accelerator.autocast(),
        ):
            model = unwrapped.get_base_model() if is_peft_model(unwrapped) else unwrapped
            return rollout.draw(model, prompts, copies, rules, seeds) if prompts else []

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self.turn = replace(self.turn, rewards=rewards)
        texts = [completion[0]["content"] for completion in completions]
        own = [self.off_policy is None or (index + 1) % self.num_generations != 0 for index in range(len(texts))]
        first = self.accelerator.process_index * len(texts)
        totals = advantages.totals(rewards, self.reward_weights)[first : first + len(texts)].tolist()
        for name, value in self.metrics(self.turn.step, self.turn.rows, texts, own, totals).items():
            self._log_metric(name, value)
        return rewards

    def _mixed_advantages(self, plain: torch.Tensor) -> torch.Tensor:
        """The advantages of this process's rows. TRL's own, `plain`, are those of eq. 2 without shaping."""
        rewards = self.turn.rewards
        assert self.off_policy is not None and rewards is not None
        weighted = (rewards * self.reward_weights.to(rewards.device)).view(-1, self.num_generations, len(self.shaped))
        shaped = torch.tensor(self.shaped, device=weighted.device)
        parts = [weighted[..., chosen] for chosen in (shaped, ~shaped)]
        accuracy, rest = (torch.where(part.isnan().all(dim=-1), torch.nan, part.nansum(dim=-1)) for part in parts)
        tops = torch.tensor([self.off_policy.top(row) for row in self.turn.rows[:: self.num_generations]], device=weighted.device)
        top = self.accelerator.gather(tops)[:, None].to(weighted)
        made = advantages.mixed(accuracy, rest, self.off_policy.shaping, self.scale_rewards != "none", top)
        size = made.abs().sum().clamp(min=1e-12)
        self._measure("off_policy/advantage_share", (made[:, -1].abs().sum() / size).item())
        first = self.accelerator.process_index * len(plain)
        return made.flatten()[first : first + len(plain)].to(plain)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """`(rows, logits_to_keep)` log-probabilities and entropies of completion tokens, one packed row a group."""
        kept = attention_mask[:, -logits_to_keep:].sum(dim=1).tolist()
        replies = [ids[:count].tolist() for ids, count in zip(input_ids[:, -logits_to_keep:], kept, strict=True)]
        found: dict[str, dict[int, torch.Tensor]] = {"log_probs": {}, **({"entropy": {}} if compute_entropy else {})}
        auxiliary, prompts = [], self.turn.prompts
        for chunk in packed.chunks(prompts if self.share else range(len(replies)), batch_size or len(replies)):
            shared = [(prompts[rows[0]], [replies[row] for row in rows]) for rows in chunk]
            groups = [packed.completions(prompt.row, prompt.video, some) for prompt, some in shared]
            layout = packed.cheapest([packed.lengths(group) for group in groups], self.layouts, self.prices)
            for name in packed.LAYOUTS:
                self._measure(f"layout/{name}", float(name == layout))
            router = {"output_router_logits": True} if compute_aux_loss else {}
            with self.accelerator.autocast(), packed.averaged_head():
                inputs = packed.pack(groups, next(model.parameters()).dtype, input_ids.device, layout)
                outputs = model(**inputs, **router, fused_lm_head=True)
            order = [row for rows in chunk for row in rows]
            for name, values in found.items():
                values.update(zip(order, packed.scored(getattr(outputs, name), inputs["labels"], groups), strict=True))
            if compute_aux_loss:
                auxiliary.append(outputs.aux_loss)
        wide = {
            name: torch.stack([pad(values[row], (0, logits_to_keep - len(values[row]))) for row in range(len(replies))])
            for name, values in found.items()
        }
        entropies = wide["entropy"].detach() if compute_entropy else None
        self.turn = replace(self.turn, logprobs=wide["log_probs"].detach(), entropies=entropies)
        return wide["log_probs"], wide.get("entropy"), torch.stack(auxiliary).mean() if auxiliary else None

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        started = perf_counter()
        # Of a generation, TRL hands over a part at a time, shuffled.
        self.turn = replace(self.turn, rows=(), prompts=inputs["video_prompts"], sampled=inputs["sampled_logprobs"])
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        self._measure("rollout_logprob_gap", self.turn.gap())
        for name, stats in self.turn.own(inputs["completion_mask"], inputs.get("ref_per_token_logps")).items():
            total, count = self.accelerator.reduce(stats).tolist()
            self._measure(f"own/{name}", total / max(count, 1.0))
        self._measure("seconds/loss", perf_counter() - started)
        return loss

    def _measure(self, name: str, value: float) -> None:
        self._metrics["train" if self.model.training else "eval"][name].append(value)
