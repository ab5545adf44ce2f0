"""Cells of CSV files, written so that no spreadsheet takes a text for a formula, and read back as they were."""

import csv
import io
from collections.abc import Iterable, Sequence

ACTIVE = tuple("=+-@\t\r\n'＝＋－＠")
"""A spreadsheet may compute what begins with one of these and goes on; the quote is among them so that every text reads back."""


def written(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV: texts that begin with a character of `ACTIVE` with one quote before it, numbers as they are."""
    out = io.StringIO(newline="")
    # Ends of lines as RFC 4180 has them: with others, `csv` leaves a carriage return in a text unquoted.
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return out.getvalue()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and len(cell) > 1 and cell.startswith(ACTIVE) else cell


def unguarded(cell: str) -> str:
    """A cell as it was before `written`."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(ACTIVE) else cell
