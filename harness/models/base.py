"""What the run asks of a model: answer the questions on one video."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

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


class Model(Protocol):
    """A way of answering questions that share one video."""

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
