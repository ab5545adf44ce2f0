"""Training examples: the same questions and the same inputs as in evaluation, videos read once and kept."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from harness.frames import Frames
from harness.models import generate
from harness.models.inputs import Inputs
from harness.models.prompt import Video, special_token
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import VideoRules
from tasks.span import Span

logger = logging.getLogger(__name__)
MOST_REPLACEMENTS = 20  # Samples tried in place of one whose video cannot be read
ReadFrames = Callable[[Path, Span | None, VideoRules], Frames | Failure]
Key = tuple[Path, Span | None, VideoRules]  # A video, its clip and the rules it is read by
Row = Mapping[str, Any]  # One row of the dataset that is trained on, see `columns`


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt as the model is given it. Rows of a batch that hold the same object share its computation."""

    row: generate.Row  # Token ids and positions
    video: Video  # The video in it


Name = tuple[str, str, str]  # What tells rows apart: the sample, its protocol and its mode


def name(row: Row) -> Name:
    """The name of a row."""
    return row["id"], row["protocol_name"], row["mode"]


class Order:
    """The order in which rows are taken, to be guessed from. A wrong guess costs a video decoded in vain, and nothing else.

    A turn of a process is `together` rows one after the other; the turns of `world` processes alternate.
    """

    def __init__(self, names: Sequence[Name], together: int, world: int) -> None:
        self.names = names
        self._together = together
        self._skipped = together * (world - 1)
        self._places: dict[Name, list[int]] = {}
        for place, one in enumerate(names):
            self._places.setdefault(one, []).append(place)
        self._last: int | None = None
        self._taken: Name | None = None

    def after(self, taken: Name) -> list[Name]:
        """Whose turn it is in this process after a row: the rest of its turn, and the next; none where that is not clear.

        A training that is continued begins anywhere, and a row stands once in each epoch: two in a row tell which.
        """
        places = self._places.get(taken, [])
        expected = [place for place in places if place == self._next(self._last)]
        behind = [place for place in places if (before := self._before(place)) >= 0 and self.names[before] == self._taken]
        places = expected or (places if len(places) == 1 else behind)
        self._taken, self._last = taken, places[0] if len(places) == 1 else None
        found: list[Name] = []
        place = self._next(self._last)
        while place is not None and len(found) < 2 * self._together:
            found.append(self.names[place])
            place = self._next(place)
        return found

    def _next(self, place: int | None) -> int | None:
        if place is None:
            return None
        after = place + 1 + (self._skipped if (place + 1) % self._together == 0 else 0)
        return after if after < len(self.names) else None

    def _before(self, place: int) -> int:
        return place - 1 - (self._skipped if place % self._together == 0 else 0)


def columns(question: Question) -> dict[str, Any]:
    """A question as a row of a dataset: what rewards read (`trainers.rewards`), and `prompt` for logs."""
    sample = question.sample
    return {
        "prompt": [{"role": "user", "content": question.text}],
        "id": sample.id,
        "mode": question.mode,
        "protocol_name": question.protocol.name,
        "kind": question.protocol.kind,
        "query": sample.query,
        "queries": list(sample.queries),
        "options": list(sample.options),
        "option": sample.truth.option,
        "targets": [[float(span.start_s), float(span.end_s)] for span in sample.truth.spans],
        "duration_s": float(sample.duration_s),
        "saliency": None if sample.truth.clips is None else [list(scores) for scores in sample.truth.clips],
        "grid": [[float(clip.start_s), float(clip.end_s)] for clip in sample.grid],
    }


def protocols_of(questions: Sequence[Question]) -> dict[str, Protocol]:
    """The protocols of questions by name. Raises InputError where two of them share a name."""
    found: dict[str, Protocol] = {}
    for question in questions:
        if found.setdefault(name := question.protocol.name, question.protocol) != question.protocol:
            raise InputError("protocols with different names", f"two called {name}", "rename one protocol")
    return found


class Examples:
    """Gives each row of a curriculum its prompt.

    Pixels up to `cache_bytes` are kept; the video used longest ago goes first. `ahead` is told which videos are read next.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        inputs: Inputs,
        read: ReadFrames,
        cache_bytes: int = 4 * 2**30,
        ahead: Callable[[Iterable[Key]], None] | None = None,
    ) -> None:
        # By id of the sample and name of the protocol.
        self.questions = {(question.sample.id, question.protocol.name): question for question in questions}
        self.protocols = protocols_of(questions)
        self.inputs = inputs
        # What stood in for a sample whose video could not be read, and why, by the id of that sample.
        self.replaced: dict[str, tuple[str, str]] = {}
        self._read = read
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[tuple[Path | None, Span | None, VideoRules], Video | Failure] = OrderedDict()
        self._bytes = 0
        self._ahead = ahead
        self._order: Order | None = None

    def follow(self, rows: Sequence[Row], together: int, world: int) -> None:
        """Rows will be taken in this order: `together` in each of `world` processes by turns."""
        self._order = Order([name(row) for row in rows], together, world)

    def take(self, row: Row) -> tuple[dict[str, Any], Prompt]:
        """A row and its prompt; where its video cannot be read, another sample's of its task, decided by the id alone.

        So every process of a launch, and every run, makes the same choice without asking the others.

        Raises:
            InputError: None of the samples tried can be read.
        """
        if self._ahead is not None and self._order is not None:
            self._ahead(self._unread([name(row), *self._order.after(name(row))]))
        failures: list[Failure] = []
        for identifier in self._candidates(row["id"], row["protocol_name"]):
            question = self.questions[identifier, row["protocol_name"]]._replace(mode=row["mode"])
            prompt = self._prompt(question)
            if isinstance(prompt, Prompt):
                if failures and row["id"] not in self.replaced:
                    self.replaced[row["id"]] = identifier, failures[0].message
                    logger.warning("%s (%s): %s is trained on instead", row["id"], failures[0].message, identifier)
                return (columns(question) if failures else dict(row)), prompt
            failures.append(prompt)
        found = f"{len(failures)} in a row cannot be used, the first, {row['id']}: {failures[0].message}"
        raise InputError("videos that can be read", found, "harness data check")

    def _candidates(self, identifier: str, protocol: str) -> Iterator[str]:
        yield identifier
        task = self.questions[identifier, protocol].sample.task
        others = sorted(other for (other, name), q in self.questions.items() if name == protocol and q.sample.task == task)
        random = Random(int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:8]))
        yield from random.sample(others, min(MOST_REPLACEMENTS, len(others)))

    def _unread(self, names: Iterable[Name]) -> Iterator[Key]:
        for identifier, protocol, _ in names:
            question = self.questions[identifier, protocol]
            key = path, clip, rules = question.video, question.sample.clip, question.protocol.video
            if path is not None and key not in self._cache:
                yield path, clip, rules

    def _prompt(self, question: Question) -> Prompt | Failure:
        text = question.text
        if (failure := special_token(self.inputs.processor, text)) is not None:
            return failure
        video = self._video(question, text)
        if isinstance(video, Failure):
            return video
        return Prompt(self.inputs.rows(video, question.protocol.prompt, [text])[0], video)

    def _video(self, question: Question, text: str) -> Video | Failure:
        key = path, clip, rules = question.video, question.sample.clip, question.protocol.video
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        if path is None:
            return Failure("missing-video", f"no file for {question.sample.video}")
        frames, prompt = self._read(path, clip, rules), question.protocol.prompt
        video: Video | Failure = frames if isinstance(frames, Failure) else self.inputs.build(frames, prompt, [text], "cpu")[1]
        self._cache[key] = video
        self._bytes += _size(video)
        while self._bytes > self._cache_bytes and len(self._cache) > 1:
            self._bytes -= _size(self._cache.popitem(last=False)[1])
        return video


def _size(video: Video | Failure) -> int:
    return 0 if isinstance(video, Failure) else video.pixels.nbytes
