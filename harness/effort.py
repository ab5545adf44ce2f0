"""Where the seconds of a run go: to the questions that the model has in hand, or to the video that is read or written."""

import time
from collections.abc import Callable, Sequence


class Effort:
    """Books every second of a run once, also where a model is at work on many videos and answers them in any order."""

    def __init__(self, parts: int, waited_s: Callable[[], float]) -> None:
        """Start now; `waited_s` tells how long the run has waited for frames so far."""
        self.timings = [{"seconds": 0.0, "decode_wait_s": 0.0} for _ in range(parts)]
        """Of each part the seconds that its questions took, and those of them that were spent on waiting for frames."""
        self._waited_s, self._waited = waited_s, 0.0
        self._mark = time.monotonic()
        self._share_s = 0.0  # What a question that was in hand all along would have cost
        self._in_hand = 0

    def reading(self, owners: Sequence[int]) -> None:
        """Until now a video was waited for, looked at or written, of which each question belongs to one of these parts."""
        seconds, waited = self._lap(), self._waited_s()
        for owner in owners:
            self.timings[owner]["seconds"] += seconds / len(owners)
            self.timings[owner]["decode_wait_s"] += (waited - self._waited) / len(owners)
        self._waited = waited

    def asking(self) -> None:
        """Until now the model was at work, equally on all that it has in hand."""
        seconds = self._lap()
        if self._in_hand:
            self._share_s += seconds / self._in_hand

    def hand_over(self, questions: int) -> float:
        """The model has so many more questions in hand; returns what `take_back` wants."""
        self._in_hand += questions
        return self._share_s

    def take_back(self, owners: Sequence[int], given: float) -> float:
        """The model has answered the questions of a video, one for each owner; returns the seconds that each of them took."""
        self._in_hand -= len(owners)
        seconds = self._share_s - given
        for owner in owners:
            self.timings[owner]["seconds"] += seconds
        return seconds

    def _lap(self) -> float:
        begun, self._mark = self._mark, time.monotonic()
        return self._mark - begun
