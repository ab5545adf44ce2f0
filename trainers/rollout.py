"""Replies drawn for training, by the model itself or by vLLM: a video is encoded and its prompt prefilled once for all of them.

vLLM, in this process or on a server, gets the token ids, pixels and grids that training computes with: its own processors would
choose, resize and time frames by rules of their own, and TRL hands it images only.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from accelerate.utils import broadcast_object_list, gather_object
from torch.distributed.fsdp import FSDPModule

from harness.models import generate, vllm_inputs
from harness.models.generate import Output, Rules
from trainers.examples import Prompt, Row

ATTEMPTS = 32  # To draw a group whose rewards differ, at most
ASKED_AT_ONCE = 32  # Prompts that a server works on at a time


@dataclass(frozen=True)
class Turn:
    """One generation, from its rows to their loss: what the hooks that TRL calls hand to one another."""

    step: int = -1  # The optimizer step it is generated in
    number: int = 0  # How many were generated in that step before
    rows: Sequence[Row] = ()  # Rows of the dataset, a group one after the other
    prompts: Sequence[Prompt] = ()  # The prompt of each row
    # Log-probabilities of each reply's tokens as they were drawn, None for one that was not
    sampled: Sequence[Sequence[float] | None] = ()
    rewards: torch.Tensor | None = None  # `(rows of all processes, rewards)`
    logprobs: torch.Tensor | None = None  # `(rows, tokens)` log-probabilities as they were last computed
    entropies: torch.Tensor | None = None  # `(rows, tokens)` entropies, where they were computed with them

    def gap(self) -> float:
        """Mean distance of the log-probabilities in generation from those in the loss; after an update it holds that too."""
        pairs = [(row, torch.tensor(values)) for row, values in enumerate(self.sampled) if values]
        if self.logprobs is None or not pairs:
            return 0.0
        computed = self.logprobs.cpu()
        return float(torch.cat([(computed[row, : len(values)] - values).abs() for row, values in pairs]).mean())

    def own(self, mask: torch.Tensor, reference: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """Sum and count, over tokens that the policy drew, of their entropy and of the distance from the reference model (KL).

        Args:
            mask: `(rows, tokens)`, 1 where a reply has a token.
            reference: `(rows, tokens)` log-probabilities under the reference model, None without one.
        """
        drawn = torch.tensor([values is not None for values in self.sampled], device=mask.device)
        counted, found = mask * drawn[:, None], {} if self.entropies is None else {"entropy": self.entropies}
        if reference is not None and self.logprobs is not None:
            apart = reference - self.logprobs
            found["kl"] = apart.exp() - apart - 1
        return {name: torch.stack([(values * counted).sum(), counted.sum()]) for name, values in found.items()}


def seeds(seed: int, step: int, attempt: int, first: int, rows: Sequence[int]) -> list[int]:
    """A seed for each row that follows from step, attempt, and the row's place in its batch over all processes and turns.

    So a resumed run draws what the other would have drawn, and N processes what one draws in N turns. `first` is the place of the
    first row of this process and turn.
    """
    begin = 1_000_003**2 * (seed * 65_537 + step) + attempt * (1_000_003**2 // ATTEMPTS) + first
    return [begin + row for row in rows]


def draw(model: Any, prompts: Sequence[Prompt], copies: Sequence[int], rules: Rules, seeds: Sequence[int]) -> list[list[Output]]:
    """As many replies to each prompt as `copies` says, drawn by the plain model (not wrapped, not sharded) on its device.

    Prompts are distinct. There is one seed a reply, prompt by prompt; that of `rules` is not read.
    """
    asked = [index for index, count in enumerate(copies) if count]
    if not asked:
        return [[] for _ in prompts]
    videos = [prompts[index].video for index in asked]
    rows = [prompts[index].row for index in asked]
    device = model.device
    with torch.no_grad():
        seen = model.model.get_video_features(
            torch.cat([video.pixels for video in videos]).to(device, model.dtype),
            torch.cat([video.grid for video in videos]).to(device),
            return_dict=True,
        )
    prefix = generate.prefill(model, rows, [len(row.ids) - 1 for row in rows], seen)
    sources = [source for source, index in enumerate(asked) for _ in range(copies[index])]
    outputs = iter(generate.generate(model, [rows[source] for source in sources], rules, prefix, None, sources, seeds))
    return [[next(outputs) for _ in range(count)] for count in copies]


def draw_by_vllm(
    generation: Any,
    processor: Any,
    config: Any,
    prompts: Sequence[Prompt],
    copies: Sequence[int],
    rules: Rules,
    seeds: Sequence[int],
    step: int,
) -> list[list[Output]]:
    """Replies as `draw` draws them, by vLLM, with each token's log-probability under it; seeds of a prompt follow one another.

    Args:
        generation: `trl.generation.vllm_generation.VLLMGeneration` with the weights of this step.
        processor: Of the checkpoint, for the normalization of its pixels; so is `config`.
        step: Of the weights: vLLM keeps the features of a video that it has met, and may use those of older weights no more.
    """
    firsts = [seeds[sum(copies[:index])] if count else 0 for index, count in enumerate(copies)]
    sampling = [{**vllm_inputs.sampling(rules, count, first), "logprobs": 0} for count, first in zip(copies, firsts, strict=True)]
    asked = [index for index, count in enumerate(copies) if count]
    chosen = [(prompts[index], sampling[index]) for index in asked]
    replies = (_on_server if generation.mode == "server" else _here)(generation, processor, config, chosen, step)
    drawn: list[list[Output]] = [[] for _ in prompts]
    for index, found in zip(asked, replies, strict=True):
        drawn[index] = [Output(list(ids), ids[-1] not in rules.stop, tuple(logprobs)) for ids, logprobs in found]
    return drawn


Reply = tuple[list[int], list[float]]  # Token ids and their log-probabilities
Asked = Sequence[tuple[Prompt, dict[str, Any]]]
Request = tuple[list[int], dict[str, Any], dict[str, Any]]  # Token ids, what vLLM calls features, and how tokens are chosen


def _here(generation: Any, processor: Any, config: Any, asked: Asked, step: int) -> list[list[Reply]]:
    """By the engine of this process."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    # TRL's own calls: asleep, an engine has lost its weights.
    if generation.enable_sleep_mode:
        if generation._llm_weights_sleeping:
            generation.sync_weights()
        generation.llm.wake_up(tags=["kv_cache"])
    engine = generation.llm.llm_engine
    raw = bool(engine.model_config.multimodal_config.mm_device_do_normalize)
    for index, (prompt, sampling) in enumerate(asked):
        seen = vllm_inputs.visual(prompt.video, config, processor if raw else None, str(step))
        given = vllm_inputs.prompt(prompt.row, seen, config)
        # Otherwise only the replies that end last come back.
        rules = SamplingParams(**sampling, output_kind=RequestOutputKind.FINAL_ONLY)
        engine.add_request(str(index), given, rules)
    finished = {}
    while engine.has_unfinished_requests():
        finished.update({output.request_id: output.outputs for output in engine.step() if output.finished})
    if generation.enable_sleep_mode:
        generation.llm.sleep(level=2)
        generation._llm_weights_sleeping = True

    def told(reply: Any) -> Reply:
        return list(reply.token_ids), [scores[t].logprob for t, scores in zip(reply.token_ids, reply.logprobs, strict=True)]

    ordered = [sorted(finished[str(index)], key=lambda reply: int(reply.index)) for index in range(len(asked))]
    return [[told(reply) for reply in replies] for replies in ordered]


def _on_server(generation: Any, processor: Any, config: Any, asked: Asked, step: int) -> list[list[Reply]]:
    """By a server, which the first process asks for all."""
    from vllm.entrypoints.scale_out.token_in_token_out.mm_serde import encode_mm_kwargs_item

    raw, requests = _normalizes(generation), []
    for prompt, sampling in asked:
        seen = vllm_inputs.visual(prompt.video, config, processor if raw else None, str(step))
        places = vllm_inputs.places(prompt.row.ids, seen, config)
        features = {
            "mm_hashes": {seen.kind: seen.hashes},
            "mm_placeholders": {seen.kind: [{"offset": place.offset, "length": place.length} for place in places]},
            "kwargs_data": {seen.kind: [encode_mm_kwargs_item(item) for item in seen.items]},
        }
        requests.append((prompt.row.ids, features, sampling))
    every = gather_object([requests])
    answers: list[Any] = [None]
    if generation.accelerator.is_main_process:
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            answers = [[list(pool.map(partial(_ask, generation.vllm_client), part)) for part in every]]
    own: list[list[Reply]] = broadcast_object_list(answers)[0][generation.accelerator.process_index]
    return own


def _normalizes(generation: Any) -> bool:
    """Whether the server normalizes pixels itself; asked once, by the first process, while all wait for the answer."""
    if not hasattr(generation, "_normalizes"):
        answer: list[Any] = [None]
        if generation.accelerator.is_main_process:
            told = generation.vllm_client.get_server_info()["model_config"]
            answer = [bool(told["multimodal_config"]["mm_device_do_normalize"])]
        generation._normalizes = broadcast_object_list(answer)[0]
    return bool(generation._normalizes)


def _ask(client: Any, request: Request) -> list[Reply]:
    """The server's own endpoint: TRL 1.16 reads log-probabilities as vLLM 0.31 told them, under other names."""
    ids, features, sampling = request
    # 2 is FINAL_ONLY: otherwise only the replies that end last come back.
    asked = {"token_ids": ids, "features": features, "sampling_params": {**sampling, "output_kind": 2}, "model": client.model}
    answer = client._post(f"{client.base_url}/inference/v1/generate", json=asked)
    choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
    return [(choice["token_ids"], [entry["logprob"] for entry in choice["logprobs"]["content"]]) for choice in choices]


def share(model: Any) -> None:
    """Share what a forward pass left whole, as TRL 1.16 wants weights that it hands to vLLM."""
    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


@contextmanager
def gathered(model: Any, state: Any) -> Iterator[None]:
    """Within, every process holds the whole model, so that one may stop earlier than another: no pass waits for the others.

    `state` is accelerate's, which knows whether weights are shared again after a forward pass of training. Does nothing to a
    model that is not shared.
    """
    parts = [module for module in model.modules() if isinstance(module, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        reshard = bool(parts and state.fsdp_plugin.reshard_after_forward)
        share(model)
        for part in parts:
            # The outermost part is needed again at once.
            part.set_reshard_after_forward(reshard and part is not model, recurse=False)
