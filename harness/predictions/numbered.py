"""Rows that are numbered by hand: numbers that happen to be ids of some samples name none of them."""

from collections.abc import Sequence

from tasks.sample import Sample


class Numbered:
    """The numbers by which alone rows name their samples."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        ids = [sample.native_id for sample in samples if sample.native_id is not None]
        self._highest = max((int(each) for each in ids if each.isascii() and each.isdigit()), default=-1)
        self._rows = self._known = self._sum = self._first = self._last = 0

    def add(self, number: int, is_known: bool) -> None:
        """Count a row with this number, and whether that is the id of a sample."""
        self._first = number if not self._rows else min(self._first, number)
        self._last = max(self._last, number)
        self._rows, self._known, self._sum = self._rows + 1, self._known + is_known, self._sum + number

    def accident(self) -> str | None:
        """What is wrong, if the numbers count the rows from 0 or 1 in some order and only some are ids; None otherwise.

        Ids that count themselves, of which a file answers more than the split asks, are no accident.
        """
        counts_rows = self._first <= 1 and self._last - self._first + 1 == self._rows
        counts_rows = counts_rows and 2 * self._sum == self._rows * (self._first + self._last)
        if self._rows < 2 or self._known in (0, self._rows) or not counts_rows or self._highest <= self._last:
            return None
        return f"its rows are numbered {self._first:,} to {self._last:,}, and {self._known:,} of these happen to be ids"
