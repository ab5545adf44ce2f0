"""Training examples: the same samples and the same inputs as in evaluation, videos read once and kept."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from harness.frames import Frames
from harness.models.generate import Row
from harness.models.inputs import Inputs
from harness.models.prompt import Video, special_token
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span

logger = logging.getLogger(__name__)

MOST_REPLACEMENTS = 20
"""Samples tried in place of one whose video cannot be read."""

ReadFrames = Callable[[Path, Span | None], Frames | Failure]


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt as the model is given it. Rows of a batch that hold the same object share its computation.

    Attributes:
        row: Token ids and positions.
        video: The video in it.
    """

    row: Row
    video: Video


def curriculum(samples: Sequence[Sample], modes: Sequence[str], protocol: Protocol, seed: int) -> list[dict[str, Any]]:
    """Every row that will be trained on, in order: one epoch after the other, each in its mode and its own seeded order.

    The columns are what rewards read (`trainers.rewards`); `prompt` is for logs.
    """
    rows = []
    for epoch, mode in enumerate(modes):
        order = list(samples)
        Random(f"{seed}/{epoch}").shuffle(order)
        rows += [_columns(sample, mode, protocol) for sample in order]
    return rows


def _columns(sample: Sample, mode: str, protocol: Protocol) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": protocol.question(sample, mode)}],
        "id": sample.id,
        "mode": mode,
        "query": sample.query,
        "targets": [[float(span.start_s), float(span.end_s)] for span in sample.truth.spans],
        "duration_s": float(sample.duration_s),
        "saliency": None if sample.truth.clips is None else [list(scores) for scores in sample.truth.clips],
    }


class Examples:
    """Gives each row of a curriculum its prompt.

    Args:
        samples: The split, by id.
        protocol: The rules evaluation will follow.
        inputs: The input builder of the checkpoint.
        videos: Files by video key.
        read: Reads the frames of a video.
        cache_bytes: Pixels kept; the video used longest ago goes first.

    Attributes:
        replaced: What stood in for a sample whose video could not be read, and why, by the id of that sample.
    """

    def __init__(
        self,
        samples: Mapping[str, Sample],
        protocol: Protocol,
        inputs: Inputs,
        videos: Mapping[str, Path],
        read: ReadFrames,
        cache_bytes: int = 4 * 2**30,
    ) -> None:
        self.samples = samples
        self.protocol = protocol
        self.inputs = inputs
        self.videos = videos
        self.replaced: dict[str, tuple[str, str]] = {}
        self._read = read
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[tuple[str, Span | None], Video | Failure] = OrderedDict()
        self._bytes = 0

    def take(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], Prompt]:
        """A row and its prompt; where its video cannot be read, another sample's, decided by the id alone.

        So every process of a launch, and every run, makes the same choice without asking the others.

        Raises:
            InputError: None of the samples tried can be read.
        """
        failures: list[Failure] = []
        for identifier in self._candidates(row["id"]):
            sample = self.samples[identifier]
            prompt = self._prompt(sample, row["mode"])
            if isinstance(prompt, Prompt):
                if failures and row["id"] not in self.replaced:
                    self.replaced[row["id"]] = identifier, failures[0].message
                    logger.warning("%s (%s): %s is trained on instead", row["id"], failures[0].message, identifier)
                return (_columns(sample, row["mode"], self.protocol) if failures else dict(row)), prompt
            failures.append(prompt)
        found = f"{len(failures)} in a row cannot be used, the first, {row['id']}: {failures[0].message}"
        raise InputError("videos that can be read", found, "harness data check")

    def _candidates(self, identifier: str) -> Iterator[str]:
        yield identifier
        others = sorted(self.samples)
        random = Random(int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:8]))
        yield from random.sample(others, min(MOST_REPLACEMENTS, len(others)))

    def _prompt(self, sample: Sample, mode: str) -> Prompt | Failure:
        text = self.protocol.question(sample, mode)
        if (failure := special_token(self.inputs.processor, text)) is not None:
            return failure
        video = self._video(sample, text)
        return video if isinstance(video, Failure) else Prompt(self.inputs.rows(video, [text])[0], video)

    def _video(self, sample: Sample, text: str) -> Video | Failure:
        key = sample.video, sample.clip
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        path = self.videos.get(sample.video)
        frames = Failure("missing-video", f"no file for {sample.video}") if path is None else self._read(path, sample.clip)
        video = frames if isinstance(frames, Failure) else self.inputs.build(frames, [text], "cpu")[1]
        self._cache[key] = video
        self._bytes += _size(video)
        while self._bytes > self._cache_bytes and len(self._cache) > 1:
            self._bytes -= _size(self._cache.popitem(last=False)[1])
        return video


def _size(video: Video | Failure) -> int:
    return 0 if isinstance(video, Failure) else video.pixels.nbytes
