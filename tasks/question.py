"""A question to a model: what is asked, about which video, and under which rules."""

from pathlib import Path
from typing import NamedTuple

from tasks.protocol import Protocol
from tasks.sample import Sample


class Question(NamedTuple):
    """One question; lists of them can mix tasks and protocols.

    Attributes:
        sample: What is asked and what is true.
        mode: A mode of the protocol: `direct` or `cot`.
        protocol: The rules of its prompt, frames, decoding and answer.
        video: File of the video, None if there is none.
    """

    sample: Sample
    mode: str
    protocol: Protocol
    video: Path | None = None

    @property
    def text(self) -> str:
        """The text of the user turn. Raises InputError on a mode that the protocol does not have."""
        return self.protocol.question(self.sample, self.mode)
