"""The two ways a thing goes wrong: bad input stops the command, a bad sample is recorded and scored 0."""

import difflib
import shlex
from collections.abc import Iterable
from typing import NamedTuple


class InputError(Exception):
    """Bad usage or input. The command line prints it without a traceback and exits with code 2.

    Attributes:
        expected: What the program needed.
        found: What was there instead.
        next_command: What the user can type next.
    """

    def __init__(self, expected: str, found: str, next_command: str) -> None:
        super().__init__(expected, found, next_command)
        self.expected = expected
        self.found = found
        self.next_command = next_command

    def __str__(self) -> str:
        return f"expected: {self.expected}\nfound:    {self.found}\nnext:     {self.next_command}"


class Failure(NamedTuple):
    """A typed error of one sample, as it stands in `samples.jsonl`.

    Attributes:
        type: A short fixed name, for counting: `missing-video`, `decode-timeout`, `out-of-memory` …
        message: What happened, for a person.
    """

    type: str
    message: str


def unknown(name: str, known: Iterable[str]) -> str:
    """A wrong name as an error message shows it: with the nearest right one, if one is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"{name!r} (nearest: {near[0]})" if near else repr(name)


def quoted(name: object) -> str:
    """A name or path as it is typed in a shell, for the commands that messages suggest."""
    return shlex.quote(str(name))
