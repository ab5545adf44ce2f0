"""Checkpoints in vLLM's offline engine (`--backend vllm`), which works on the questions of many videos at a time.

It is given the token ids, pixels and grids of `Inputs.build`, so no frame is chosen, resized or timed by it. The positions
that it computes from them itself are compared with those of `Inputs.build` for every video.
"""

import hashlib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch

from harness.frames import Frames
from harness.models import clock, families, generate, prompt, sight, vllm_checks, vllm_inputs
from harness.models.base import Answers, Asked, Reply, answered
from harness.models.batching import by_protocol, reply, shown
from harness.models.checkpoint import Checkpoint, fingerprint, trained_on
from harness.models.generate import Row, Rules
from harness.models.inputs import Inputs
from harness.models.options import Options
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import DecodingRules

TOO_LONG = "too-long"


@dataclass
class _Video:
    """A video in the engine: its answers so far, None where one is awaited, and the prompts of these."""

    outcomes: list[Reply | Failure | None]
    frames_json: str
    rows: dict[str, tuple[int, Row]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return all(outcome is not None for outcome in self.outcomes)


class VllmModel:
    """A checkpoint in an engine; implements `harness.models.base.Model` and `Streaming`."""

    needs_video = True

    def __init__(self, checkpoint: Checkpoint, model: Any, processor: Any, options: Options, engine: Any) -> None:
        """Take over a started engine.

        Args:
            checkpoint: What the engine has loaded.
            model: Its configuration, generation configuration and position rule, where a model has them.
            processor: Of the checkpoint.
            options: As `harness run` was given them.
            engine: `vllm.LLM(…).llm_engine`.
        """
        self.name = checkpoint.name
        self.checkpoint = checkpoint
        self.model = model
        self.processor = processor
        self.options = options
        self.engine = engine
        self.inputs = Inputs(model, processor, checkpoint.family)
        self.pixel_factor = self.inputs.pixel_factor
        self.sight = self.verdict = "not probed"
        self.remote: dict[str, Any] = {}
        self._length = int(engine.model_config.max_model_len)
        self._raw = bool(engine.model_config.multimodal_config.mm_device_do_normalize)
        self._asked = 0
        self._prompted = self._cached = 0

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`."""
        family, training = self.checkpoint.family, trained_on(self.checkpoint.folder)
        return {
            "name": self.name,
            "backend": "vllm",
            "revision": self.checkpoint.revision,
            "fingerprint": fingerprint(self.checkpoint.folder),
            "family": family,
            "dtype": str(self.engine.model_config.dtype).removeprefix("torch."),
            "device": str(self.engine.vllm_config.device_config.device_type),
            "devices": self.options.tensor_parallel or 1,
            "shared_prefix": self.options.share,
            "seed": self.options.seed,
            "positions": {"rule": "original", "installed": "vLLM's, compared for every video", "action": "none"},
            "clock": families.of(family).clock,
            "clock_verdict": self.verdict,
            "video_slot": families.of(family).video_slot,
            "sight": self.sight,
            **({"remote_code": self.remote} if self.remote else {}),
            **({"trained_on": training} if training else {}),
        }

    def told(self) -> dict[str, Any]:
        """Tokens of the prompts since the engine started, and how many of them came from its prefix cache."""
        rate = self._cached / self._prompted if self._prompted else 0.0
        return {"prefix_cache": {"prompt_tokens": self._prompted, "cached_tokens": self._cached, "hit_rate": round(rate, 4)}}

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> Sequence[Reply | Failure]:
        """A reply to each question, or a failure to one with a special token or too long a prompt; raises as `Inputs.build`."""
        return answered(self, frames, questions)

    def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, Answers]]:
        """As `Streaming`, with `Options.window` videos in the engine; raises as `answer`, and InputError where it dies."""
        under_way: dict[int, _Video] = {}
        try:
            for place, asked in enumerate(videos):
                under_way[place] = self._begin(asked)
                yield from self._step(under_way)
                while len(under_way) >= self.options.window:
                    yield from self._step(under_way)
            while under_way:
                yield from self._step(under_way)
        finally:
            if left := [name for video in under_way.values() for name in video.rows]:
                self.engine.abort_request(left)

    def look(self, protocol: Protocol, frames: Frames) -> torch.Tensor:
        """Log-probabilities `(questions, vocabulary)` of the first token of replies, computed as `stream` does."""
        rows, video = self.inputs.build(frames, protocol.prompt, sight.TEXTS, "cpu")
        seen, rules = self._seen(rows[0], video), self._rules(DecodingRules(max_new_tokens=1))
        names = [self._add(row, seen, rules, logprobs=-1) for row in rows]
        found: dict[str, Any] = {}
        while len(found) < len(names):
            found |= {output.request_id: output.outputs[0].logprobs[0] for output in self._work()}
        size = self.model.config.get_text_config().vocab_size
        return torch.tensor([[found[name][token].logprob for token in range(size)] for name in names])

    def _rules(self, decoding: DecodingRules) -> Rules:
        vllm_checks.check_temperature(decoding.temperature)
        return generate.rules_of(self.model, self.processor, seed=self.options.seed, **asdict(decoding))

    def _begin(self, asked: Asked) -> _Video:
        """Hand all questions on a video to the engine; a protocol's prompts are built together, the video once for all."""
        frames, groups, failures = by_protocol(asked, self.pixel_factor, partial(prompt.special_token, self.processor))
        outcomes: list[Reply | Failure | None] = [failures.get(index) for index in range(len(asked.questions))]
        begun = _Video(outcomes, shown(frames))
        encoded: tuple[prompt.Video, vllm_inputs.Visual] | None = None
        for protocol, places, texts in groups:
            if encoded is None:
                rows, video = self.inputs.build(frames, protocol.prompt, texts, "cpu")
                encoded = video, self._seen(rows[0], video)
            else:
                rows = self.inputs.rows(encoded[0], protocol.prompt, texts)
            rules = self._rules(protocol.decoding)
            for index, row in zip(places, rows, strict=True):
                if (tokens := len(row.ids) + rules.max_new_tokens) > self._length:
                    found = f"{len(row.ids):,} tokens and {rules.max_new_tokens:,} new ones; --max-model-len is {self._length:,}"
                    outcomes[index] = Failure(TOO_LONG, f"{found} (continue with --max-model-len {tokens})")
                else:
                    begun.rows[self._add(row, encoded[1], rules)] = index, row
        return begun

    def _seen(self, row: Row, video: prompt.Video) -> vllm_inputs.Visual:
        """A video for the engine. Raises ClockError where the engine would compute other positions than the original rule."""
        seen = vllm_inputs.visual(video, self.model.config, self.processor if self._raw else None)
        theirs = vllm_inputs.positions(self.engine.model_config, row, seen)
        if not torch.equal(theirs, row.positions):
            wrong = int((theirs != row.positions).any(0).nonzero()[0])
            found = f"{theirs[:, wrong].tolist()} from vLLM for token {wrong}"
            raise clock.ClockError(f"position {row.positions[:, wrong].tolist()}", found, "--backend hf")
        return seen

    def close(self) -> None:
        """Stop the engine and free its memory."""
        from vllm.distributed import cleanup_dist_env_and_memory

        self.engine.engine_core.shutdown()
        del self.engine
        cleanup_dist_env_and_memory()

    def _add(self, row: Row, seen: vllm_inputs.Visual, rules: Rules, **extra: Any) -> str:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        # Random numbers follow from the seed and the prompt, not from what else is asked.
        seed = int.from_bytes(hashlib.sha256(f"{rules.seed} {row.ids}".encode()).digest()[:8], "little")
        chosen = vllm_inputs.sampling(rules, 1, seed)
        params = SamplingParams(**chosen, **extra, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY)
        self._asked += 1
        self.engine.add_request(name := str(self._asked), vllm_inputs.prompt(row, seen, self.model.config), params)
        return name

    def _step(self, under_way: dict[int, _Video]) -> Iterator[tuple[int, Answers]]:
        """Let the engine work, and give the videos that are complete."""
        if any(video.rows for video in under_way.values()):
            for output in self._work():
                self._take(output, under_way)
        for place in [place for place, video in under_way.items() if not video.rows]:
            outcomes = under_way.pop(place).outcomes
            yield place, [outcome for outcome in outcomes if outcome is not None]

    def _work(self) -> list[Any]:
        """A step of the engine; the requests that it finished."""
        try:
            return [output for output in self.engine.step() if output.finished]
        except Exception as error:
            found = textwrap.shorten(f"{type(error).__name__}: {error}", 300)
            step = "the same command continues; with --gpu-memory F, --max-model-len N or --tensor-parallel N there is more room"
            raise InputError("an engine that works on", found, step) from error

    def _take(self, output: Any, under_way: dict[int, _Video]) -> None:
        video = next(video for video in under_way.values() if output.request_id in video.rows)
        index, row = video.rows.pop(output.request_id)
        self._prompted += len(row.ids)
        self._cached += output.num_cached_tokens or 0
        ids, truncated = list(output.outputs[0].token_ids), output.outputs[0].finish_reason == "length"
        video.outcomes[index] = reply(self.processor, row, ids, truncated, video.frames_json)
