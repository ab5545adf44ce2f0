"""Numbers and facts of a board as text: the one place where they are rounded."""

from collections.abc import Mapping, Sequence

from harness.report import PARSE_RATE, QUERY_GAP, percent
from leaderboards.board.rows import Number, Row

FACTS = ("seeds", "n", "coverage", "parsed", "gap", "train s", "protocol", "trained on", "commit", "source")
HEADS = {"parsed": PARSE_RATE, "gap": QUERY_GAP}
"""Heads in tables for people of facts that CSV and JSON call otherwise."""
CONDITIONS = ("n", "coverage", "protocol", "trained on", "commit", "source")
NONE = Number(None)


def number(found: Number, digits: int = 2) -> str:
    """A number as people read it: a paper's as printed, with `±` its standard deviation over seeds."""
    if found.value is None or found.printed:
        return found.printed or "-"
    return f"{_rounded(found.value, digits)}{'' if found.sd is None else f' ± {_rounded(found.sd, digits)}'}"


def interval(found: Number) -> str:
    """The 95 % interval of a number."""
    return "-" if found.interval is None else "-".join(f"{bound:.1f}" for bound in found.interval)


def head(fact: str) -> str:
    """What a table for people calls a column."""
    return HEADS.get(fact, fact)


def facts(row: Row) -> dict[str, str]:
    """The text of every fact of `FACTS`."""
    known = {name: found.value for name, found in row.counts.items()}
    n, asked = (f"{known[name]:.6g}" if name in known else "-" for name in ("n", "asked"))
    texts = {
        "seeds": str(row.seeds) if row.seeds > 1 else "-",
        "n": n,
        "coverage": f"{known['answered']:.6g}/{asked} ({percent(known.get('coverage'))})" if "answered" in known else "-",
        "parsed": percent(known.get("parsed")),
        "gap": number(row.counts.get("gap", NONE), 1),
        "train s": f"{known['seconds']:.0f}" if "seconds" in known else "-",
        "protocol": row.protocol if row.identity is None else row.identity.rules,
    }
    return texts | {"trained on": row.trained_on, "commit": row.commit, "source": row.source}


def agreed(told: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What several models share of the facts that say how they were measured."""
    return {fact: told[0][fact] for fact in CONDITIONS if len(told) > 1 and all(one[fact] == told[0][fact] for one in told)}


def notes(row: Row) -> list[str]:
    """What a reader must know of a row besides its numbers."""
    cut_off = row.counts.get("cut off", NONE).value
    return [*row.notes, *([f"replies that the length limit cut off: {cut_off:.4g} in mode {row.mode}"] if cut_off else [])]


def suspicions(row: Row) -> list[str]:
    """One line for all numbers of a row that are under the same suspicion."""
    found: dict[str, list[str]] = {}
    for metric, cell in row.metrics.items():
        found.setdefault(cell.flag, []).append(metric)
    return [f"{', '.join(metrics)}: {flag}" for flag, metrics in found.items() if flag]


def _rounded(value: float, digits: int) -> str:
    """Without the sign of a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
