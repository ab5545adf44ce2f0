"""Tables: CSV with commas, semicolons or tabs, and Parquet. The first row of a CSV names the columns; an empty cell is a null."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from harness import extras
from harness.predictions.cells import unguarded
from harness.predictions.text import LONGEST, BrokenError, Text

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_BATCH = 256


def rows(text: Text) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a CSV, numbered as a spreadsheet numbers them. Raises BrokenError."""
    csv.field_size_limit(LONGEST)
    lines = text.lines()
    first = next((line for line in lines if line.strip()), "").lstrip("\ufeff")
    told = first.lower().startswith("sep=")  # Excel's own line
    delimiter = first.strip("\r\n")[4:5] if told else _delimiter(first)
    number = text.line - 1 - (not told)
    table = csv.reader(lines if told else chain([first], lines), delimiter=delimiter, strict=True)
    try:
        head = [name.strip() for name in next(table, [])]
        _check_head(head)
        number += 1
        for cells in table:
            number += 1
            if not any(cells):
                continue
            if len(cells) != len(head):
                raise BrokenError(f"row {number}", f"{len(cells)} cells", f"{len(head)} cells, as many as the first row names")
            yield (
                f"row {number}",
                {name: unguarded(cell) if cell else None for name, cell in zip(head, cells, strict=True) if name},
            )
    except csv.Error as error:
        raise BrokenError(f"row {number + 1}", str(error), "a table whose quotes are closed and doubled inside a cell") from error


def _delimiter(line: str) -> str:
    """What divides the names of the columns. Raises BrokenError if nothing does, or two do as often."""
    widths = {mark: len(next(csv.reader([line], delimiter=mark), [])) for mark in DELIMITERS}
    widest = max(widths.values())
    best = [mark for mark, width in widths.items() if width == widest]
    if widest < 2:
        raise BrokenError("line 1", f"text that is neither JSON nor a table: {line[:80]!r}")
    if len(best) > 1:
        names = " and ".join(DELIMITERS[mark] for mark in best)
        raise BrokenError("row 1", f"as many columns by {names}: {line[:80]!r}", "a table with one kind of delimiter")
    return best[0]


def _check_head(head: Sequence[str]) -> None:
    if twice := [name for name, count in Counter(head).items() if count > 1 and name]:
        raise BrokenError("row 1", f"two columns named {twice[0][:80]!r}", "a name of its own for each column")


def parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a Parquet file, from 1. Raises InputError without pyarrow, BrokenError where the file is damaged."""
    library, arrow = extras.package("pyarrow.parquet", "train"), extras.package("pyarrow", "train")
    number = 0
    try:
        with library.ParquetFile(path) as file:
            _check_head(file.schema_arrow.names)
            for row in (row for batch in file.iter_batches(batch_size=_BATCH) for row in batch.to_pylist()):
                number += 1
                yield f"row {number}", row
    except (arrow.ArrowException, OSError) as error:
        raise BrokenError(f"after row {number}", f"damaged ({error})", "a whole Parquet file") from error
