"""Questions of several videos answered in one batch: which wait for one another, and how many of them memory holds."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from transformers import Cache

from harness.frames import Frames
from harness.models import cache as caches
from harness.models.base import AnswerError, Answers, Asked, Reply
from harness.models.generate import Row
from harness.models.options import Options
from harness.models.tags import said
from tasks import protocol
from tasks.errors import Failure, InputError
from tasks.rules import DecodingRules

ROWS = 64
"""Replies generated at a time at most under `auto`, however short they are."""

TOKENS = 16_384
"""Of prompts and replies in a batch on a CPU, whose memory others use too: 2 GB of cache at seven billion weights."""

SHARE = 0.5
"""Of the free memory of a GPU that a batch's cache may take; the rest is for what is computed on the way."""

ADVICE = "lower --batch-size or the protocol's total_pixels"
T = TypeVar("T")


class Group(NamedTuple):
    """Questions of one protocol on a video: its rules, their places among all on the video, and their texts."""

    rules: protocol.Protocol
    places: list[int]
    texts: list[str]


def by_protocol(
    asked: Asked, factor: int, refused: Callable[[str], Failure | None], apart: bool = False
) -> tuple[Frames, list[Group], dict[int, Failure]]:
    """The frames, the questions to answer in groups (`apart`: each its own), and by their place those that are `refused`.

    Raises InputError without frames; `factor` is what their sides are divisible by.
    """
    if asked.frames is None:
        raise InputError(f"frames with sides divisible by {factor}", "no frames", "harness show default")
    failures, groups = dict[int, Failure](), dict[int, Group]()
    for place, question in enumerate(asked.questions):
        if (failure := refused(question.text)) is not None:
            failures[place] = failure
            continue
        group = groups.setdefault(place if apart else id(question.protocol), Group(question.protocol, [], []))
        group.places.append(place)
        group.texts.append(question.text)
    return asked.frames, list(groups.values()), failures


def shown(frames: Frames) -> str:
    """Which frames were seen, for the hash of a prompt."""
    return json.dumps(frames.fingerprint(), sort_keys=True)


def reply(processor: Any, row: Row, ids: Sequence[int], truncated: bool, frames: str) -> Reply:
    """A reply of these tokens to a prompt; `frames` as `shown` tells them."""
    digest = hashlib.sha256(f"{row.ids}\n{frames}".encode()).hexdigest()
    return Reply(said(processor.tokenizer, ids), digest, len(row.ids), len(ids), truncated)


class Started(Protocol):
    """What is computed once of a prompt, or of the prompts on one video."""

    @property
    def cache(self) -> Cache:
        """Keys and values of its tokens."""


class Ready(NamedTuple):
    """A question of which only the reply is to be generated: its whole prompt, and what is computed of it.

    `seen` is what the vision tower gave, which is read only without a prefix; `shown` tells the frames, for the prompt's hash.
    """

    row: Row
    prefix: Started | None
    seen: Any
    decoding: DecodingRules
    shown: str

    @property
    def tokens(self) -> int:
        """Of prompt and longest reply."""
        return len(self.row.ids) + self.decoding.max_new_tokens


class _Waiting(NamedTuple):
    """A question in the queue: the place of its video, and its own among the questions on it."""

    place: int
    number: int
    ready: Ready


class Limit:
    """How many questions a model answers together at most; halved for good where its memory does not hold them."""

    def __init__(self, options: Options) -> None:
        self.window = options.window
        self.asked = options.batch_size
        self.most = ROWS if options.batch_size == "auto" else options.batch_size
        self.halved = False

    def halve(self, size: int) -> None:
        """A batch of this size was too large."""
        self.most, self.halved = max(1, min(self.most, size) // 2), True

    def told(self) -> dict[str, Any]:
        """For the session in `run.json`; empty while memory has held everything."""
        return {"batch_size": {"asked": self.asked, "held_by_memory": self.most}} if self.halved else {}


class Batching:
    """Fills batches with the questions of a window of videos. Where memory does not hold one, it is tried in halves."""

    def __init__(
        self,
        prepare: Callable[[Asked], Sequence[Ready | Failure]],
        reply: Callable[[Sequence[Ready]], Sequence[Reply]],
        limit: Limit,
    ) -> None:
        """`prepare` encodes a video and what its questions share; `reply` answers questions of equal decoding rules together."""
        self._prepare, self._reply, self._limit = prepare, reply, limit
        self._held: dict[int, list[Reply | Failure | None]] = {}
        self._queues: dict[DecodingRules, list[_Waiting]] = {}

    def stream(self, videos: Iterator[Asked]) -> Iterator[tuple[int, Answers]]:
        """As `harness.models.base.Streaming.stream`."""
        for place, asked in enumerate(videos):
            try:
                prepared = within_memory(partial(self._prepare, asked))
            except AnswerError as error:
                yield place, error
                continue
            if isinstance(prepared, Failure) and self._held:
                # Perhaps what waits takes the memory.
                waiting = sum(map(len, self._queues.values()))
                yield from self._answer_all()
                prepared = within_memory(partial(self._prepare, asked))
                if not isinstance(prepared, Failure):
                    self._limit.halve(waiting)
            if isinstance(prepared, Failure):
                yield place, AnswerError(prepared)
                continue
            yield from self._add(place, prepared)
            del prepared, asked  # or pixels and prefix would live until the next ones come
            if len(self._held) >= self._limit.window:
                yield from self._answer_all()
        yield from self._answer_all()

    def _add(self, place: int, prepared: Sequence[Ready | Failure]) -> Iterator[tuple[int, Answers]]:
        self._held[place] = [one if isinstance(one, Failure) else None for one in prepared]
        added: dict[DecodingRules, list[_Waiting]] = {}
        for number, one in enumerate(prepared):
            if isinstance(one, Ready):
                added.setdefault(one.decoding, []).append(_Waiting(place, number, one))
        yield from self._finished()
        for decoding, new in added.items():
            queue = self._queues.setdefault(decoding, [])
            if queue and room([*queue, *new]) < min(len(queue) + len(new), self._limit.most):
                yield from self._answer(queue, 1)
            queue += new
            yield from self._answer(queue, self._size(queue))

    def _answer_all(self) -> Iterator[tuple[int, Answers]]:
        for queue in self._queues.values():
            yield from self._answer(queue, 1)

    def _answer(self, queue: list[_Waiting], least: int) -> Iterator[tuple[int, Answers]]:
        """Answer batch by batch, while at least so many questions wait."""
        while len(queue) >= least and queue:
            batch = queue[: self._size(queue)]
            replies = within_memory(partial(self._reply, [one.ready for one in batch]))
            if isinstance(replies, Failure) and len(batch) > 1:
                self._limit.halve(len(batch))
                continue
            del queue[: len(batch)]
            answers: Sequence[Reply | Failure] = [replies] if isinstance(replies, Failure) else replies
            for one, told in zip(batch, answers, strict=True):
                self._held[one.place][one.number] = told
            del batch  # or its prefixes would live until the next one
            yield from self._finished()

    def _finished(self) -> Iterator[tuple[int, Answers]]:
        for place, answers in list(self._held.items()):
            complete = [one for one in answers if one is not None]
            if len(complete) == len(answers):
                del self._held[place]
                yield place, complete

    def _size(self, queue: Sequence[_Waiting]) -> int:
        """How many of the queue to answer together; of one video as many as were asked for."""
        alone = self._limit.asked != "auto" and len({one.place for one in queue}) == 1
        return self._limit.most if alone or not queue else min(self._limit.most, room(queue))


def within_memory(work: Callable[[], T]) -> T | Failure:
    """What the work gives, or a failure named `out-of-memory`; by then what it had computed is freed."""
    try:
        return work()
    except torch.OutOfMemoryError as error:
        line = str(error).splitlines()[0]
    # Here the traceback, which holds on to every tensor, is gone.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return Failure("out-of-memory", f"{line} ({ADVICE})")


def room(waiting: Sequence[_Waiting]) -> int:
    """How many replies memory holds now, each as long as the longest of these; at least 1."""
    prefix, tokens = waiting[0].ready.prefix, max(one.ready.tokens for one in waiting)
    return 1 if prefix is None else max(1, held(prefix.cache, tokens))


def held(cache: Cache, tokens: int) -> int:
    """How many rows of so many tokens memory holds on every device of this cache, by the bytes that its own tokens take."""
    counts = []
    for device, size in caches.token_bytes(cache).items():
        if device.type == "cuda":
            free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            counts.append(int(SHARE * free / (size * tokens)))
        else:
            counts.append(TOKENS // tokens)
    return min(counts)
