"""From the rows of a prediction file to the records that are scored: one for each sample and mode."""

from collections.abc import Sequence
from itertools import product

from harness.predictions.read import Row
from harness.records import Record
from tasks.errors import InputError

FIRST, LAST, MEAN, REFUSE = "first", "last", "mean", "refuse"
"""Which of several rows for one sample counts."""

Records = dict[tuple[str, str], Record]
Key = tuple[str, str]


class Collected:
    """What is scored: `records` by sample id and mode, filled row by row; under `mean` they hold those before as `earlier`."""

    def __init__(self, modes: Sequence[str], rule: str = LAST) -> None:
        """Nothing is read yet; rows without a mode answer all of these."""
        self.records: Records = {}
        self._modes, self._rule = modes, rule
        self._repeated: dict[Key, bool] = {}

    def add(self, row: Row, record: Record) -> None:
        """Take what is scored of a row. Raises InputError where a sample has a row already and that is refused.

        A reply takes the place of an error and no error that of a reply, as where failed questions were asked again.
        """
        for key in product(row.ids, (row.mode,) if row.mode else self._modes):
            before = self.records.get(key)
            if before is None or before["error"] is not None:
                self.records[key] = record
            elif record["error"] is None:
                self._repeat(key, row, before, record)

    def _repeat(self, key: Key, row: Row, before: Record, record: Record) -> None:
        if self._rule == REFUSE:
            step = "leave one, or choose with --duplicates first, last or mean"
            raise InputError("one row for each sample", f"{row.where} is another row for {key[0]}", step)
        last = {name: value for name, value in before.items() if name != "earlier"}
        self._repeated[key] = self._repeated.get(key, False) or record != last
        if self._rule == MEAN:
            self.records[key] = {**record, "earlier": (*before.get("earlier", ()), last)}
        elif self._rule == LAST:
            self.records[key] = record

    @property
    def notes(self) -> list[str]:
        """Says how many samples have several rows, how many of these differ, and which counts; empty without any."""
        if not self._repeated:
            return []
        samples = len({identifier for identifier, _ in self._repeated})
        differ = len({identifier for (identifier, _), differs in self._repeated.items() if differs})
        counts = "the mean of their scores counts" if self._rule == MEAN else f"the {self._rule} row counts"
        return [f"samples with several rows: {samples:,}, of which {differ:,} have rows that differ; {counts} (--duplicates)"]
