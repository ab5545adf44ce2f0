"""What the run asks of a model: answer the questions on one video."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from harness.frames import Frames
from tasks.errors import Failure
from tasks.question import Question


class Reply(NamedTuple):
    """What came back for one question.

    `prompt_sha256` is of the rendered template or the token ids, `prompt_tokens` counts visual ones too, `truncated` says that
    the length limit ended the reply. `wrong_clock_s` is by how many seconds the model was told wrong times of the frames, where
    that is more than the distance between two of them; None if the times were right or could not be seen.
    """

    text: str
    prompt_sha256: str
    prompt_tokens: int = 0
    new_tokens: int = 0
    truncated: bool = False
    wrong_clock_s: float | None = None


class AnswerError(Exception):
    """The model could not answer the questions on this video; recorded, scored 0, and the run goes on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Asked(NamedTuple):
    """One video and all that is asked about it; no frames for a model that reads files itself, or looks at none."""

    frames: Frames | None
    questions: Sequence[Question]


Answers = Sequence[Reply | Failure] | AnswerError
"""To all the questions on one video, in order; or why there are none."""


class Model(Protocol):
    """A way of answering questions that share one video. It may work ahead, see `Streaming`."""

    @property
    def name(self) -> str:
        """Name for tables."""

    @property
    def needs_video(self) -> bool:
        """Whether `answer` wants the video: questions on a missing one are not asked."""

    @property
    def pixel_factor(self) -> int | None:
        """Frame height and width are multiples of this (patch size x merge size); None for a model that reads files itself."""

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`."""

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> Sequence[Reply | Failure]:
        """One reply or failure per question, in order, each under the question's own protocol.

        All are about one video, whose frames were read under the video rules that their protocols share. Raises AnswerError where
        it cannot be answered at all.
        """


@runtime_checkable
class Streaming(Protocol):
    """What a model has besides if it works on several videos at a time."""

    def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, Answers]]:
        """For the place of each video in the iterator, once and in any order: its answers, as soon as they are complete.

        Videos are decoded as they are taken. At most `Options.window` of them are taken and not answered yet, for they are lost
        where the run is killed. Answers are those that `answer` gives for the video alone; its AnswerError is given, not raised.
        """


@runtime_checkable
class Telling(Protocol):
    """What a model has besides if there is something to tell of how it answered."""

    def told(self) -> dict[str, Any]:
        """For the session in `run.json`, when all is answered; empty for nothing. No part of the run's identity."""


def answered(model: Streaming, frames: Frames | None, questions: Sequence[Question]) -> list[Reply | Failure]:
    """As `Model.answer`, by a model that can work ahead."""
    ((_, answers),) = model.stream(iter([Asked(frames, questions)]))
    if isinstance(answers, AnswerError):
        raise answers
    return list(answers)


def stream(model: Model, videos: Iterator[Asked]) -> Iterator[tuple[int, Answers]]:
    """As `Streaming.stream`, for every model: one that cannot work ahead answers video by video."""
    if isinstance(model, Streaming):
        yield from model.stream(videos)
        return
    for place, (frames, questions) in enumerate(videos):
        try:
            answers: Answers = model.answer(frames, questions)
        except AnswerError as error:
            answers = error
        yield place, answers
