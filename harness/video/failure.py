"""Why a video gave no frames."""

from tasks.errors import Failure


class DecodeError(Exception):
    """A video cannot be used. Its sample is recorded with the failure and scored 0.

    Attributes:
        failure: `missing-video`; `video-empty` (0 bytes); `video-unreadable` (no video, or this decoder would give wrong
            pictures or times); `video-truncated` (it ends before its header says, or a picture does not decode);
            `video-zero-duration` (no frames, or no times). Each with a sentence for a person.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return f"{self.failure.type}: {self.failure.message}"
