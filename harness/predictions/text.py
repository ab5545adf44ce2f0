"""The characters of a file through a window that moves: whatever the size of the file, a row at a time is in memory."""

import bz2
import codecs
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from tasks.formats.published import shown

CHUNK = 1 << 16
LONGEST = 1 << 24
"""Characters of one row, at most."""

_PACKED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)
BLANKS = " \t\r\n\ufeff"
_BLANK = re.compile(f"[{BLANKS}]*")
_LINE_END = re.compile("\r\n?|\n")
FORMS = "predictions in one of the known forms"


class BrokenError(ValueError):
    """What is wrong at one place of a file, and what should be there."""

    def __init__(self, where: str, found: str, expected: str = FORMS) -> None:
        super().__init__(f"{where}: {found}")
        self.expected = expected


class TooLongError(BrokenError):
    """A value that is longer than asked for."""


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, decompressed if they are compressed. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(8)
    unpack = next((_PACKED[magic] for magic in _PACKED if head.startswith(magic)), None)
    return cast(IO[bytes], path.open("rb") if unpack is None else unpack(path))


class Text:
    """A place in a file, the characters that follow it, and the line it is on.

    Attributes:
        buffer: Characters read and not yet dropped.
        at: Where in `buffer` the place is; moves by `advance` only.
        line: Line of the place, from 1.
        dropped: Number of characters before `buffer`.
        ended: Whether `buffer` reaches to the end of the file.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._raw = read(stream, CHUNK)
        self._encoding = json.detect_encoding(self._raw)
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self.buffer, self.at, self.line, self.dropped, self.ended = "", 0, 1, 0, False
        self.more()

    def more(self, longest: int = LONGEST) -> None:
        """Read on: as much again as there is, so that trying once more costs no more than reading.

        Raises BrokenError where that is damaged or no text, TooLongError where `longest` characters lie behind the place already.
        """
        pending = len(self.buffer) - self.at
        if pending > longest:
            raise TooLongError(f"line {self.line}", f"a row longer than {longest:,} characters")
        raw = self._raw or read(self._stream, max(CHUNK, pending), self.line + self.buffer.count("\n", self.at))
        self._raw, self.ended = b"", not raw
        try:
            self.buffer = self.buffer[self.at :] + self._decoder.decode(raw, not raw)
        except UnicodeDecodeError as error:
            line = self.line + self.buffer.count("\n", self.at) + error.object[: error.start].count(b"\n")
            found = f"bytes that are no {self._encoding.removesuffix('-sig').upper()}: {error.object[error.start : error.end]!r}"
            step = "a text file in UTF-8 or UTF-16, as `iconv -f CP1252 -t UTF-8 FILE` makes one of a Western file of Windows"
            raise BrokenError(f"line {line}", found, step) from error
        self.dropped, self.at = self.dropped + self.at, 0

    def advance(self, end: int) -> None:
        """Move to this place of the buffer."""
        self.line += self.buffer.count("\n", self.at, end)
        self.at = end

    def broken(self, found: str, expected: str = FORMS) -> BrokenError:
        """What is wrong on the line of the place."""
        return BrokenError(f"line {self.line}", found, expected)

    @property
    def near(self) -> str:
        """What follows the place, for messages."""
        return shown(self.buffer[self.at : self.at + 80])

    def peek(self) -> str:
        """Move over blanks and byte order marks; returns the character that is there, "" at the end."""
        while True:
            match = _BLANK.match(self.buffer, self.at)
            self.advance(match.end() if match else self.at)
            if self.at < len(self.buffer) or self.ended:
                return self.buffer[self.at : self.at + 1]
            self.more()

    def lines(self) -> Iterator[str]:
        """The lines that follow, with their ends as they are."""
        while True:
            match = _LINE_END.search(self.buffer, self.at)
            start, end = self.at, match.end() if match else len(self.buffer)
            if end == len(self.buffer) and not self.ended:
                self.more()
            elif start == end:
                return
            else:
                self.advance(end)
                yield self.buffer[start:end]


def read(stream: IO[bytes], size: int, line: int = 1) -> bytes:
    """Up to `size` bytes of a file that is being read at this line. Raises BrokenError where it is damaged."""
    try:
        return stream.read(size)
    except _DAMAGED as error:
        raise BrokenError(f"after line {line}", f"cut off or damaged ({error})", "a whole file") from error
