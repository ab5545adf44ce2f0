"""The live line of a run."""

import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from tqdm import tqdm

from harness.plan import Plan
from harness.records import Record
from harness.scoring import judge
from tasks import kinds

EVERY_S = 1.0
"""Between two values of the line, so that judging takes no part of a fast run."""


class Progress:
    """Done of total, the main metric so far, parse rate, errors and the share of time spent waiting for frames, on stderr."""

    def __init__(self, total: int, plans: Sequence[Plan], began_s: float | None = None) -> None:
        interval_s = 1 if sys.stderr.isatty() else 30
        names = ", ".join(plan.name for plan in plans)
        self._bar = tqdm(total=total, desc=names, unit="q", file=sys.stderr, mininterval=interval_s)
        self._counts: Counter[str] = Counter()
        self._sums = [_Sum(plan) for plan in plans]
        self._start = self._judged = time.monotonic()
        self._began_s: float | None = self._start if began_s is None else began_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def replied(self) -> None:
        """Say, once, how long the first reply took from the start, and what of it was spent before the first question."""
        if self._began_s is not None:
            now, began_s, self._began_s = time.monotonic(), self._began_s, None
            loading = f"{self._start - began_s:.1f} s until the model was ready"
            tqdm.write(f"first reply after {now - began_s:.1f} s ({loading})", file=sys.stderr)

    @property
    def values(self) -> list[float]:
        """Of each plan the mean of its main metric over the replies so far that count, in percent; NaN before there is one."""
        for one in self._sums:
            self._counts += one.judge()
        return [one.value for one in self._sums]

    def update(self, records: Sequence[Record], waited_s: float, place: int = 0) -> None:
        """Take in records of the plan at that place, all of a video at once; they are judged about once a second."""
        self._sums[place].pending += records
        self._counts["done"] += len(records)
        if (now := time.monotonic()) - self._judged >= EVERY_S or self._counts["done"] >= (self._bar.total or 0):
            self._judged, values = now, zip(self._sums, self.values, strict=True)
            answered = self._counts["done"] - self._counts["errors"]
            elapsed_s = max(now - self._start, 1e-9)
            told = [f"{one.main} {value:.1f}" for one, value in values]
            told += [f"parse rate {100 * self._counts['parsed'] / max(answered, 1):.0f}%", f"errors {self._counts['errors']}"]
            self._bar.set_postfix_str(f"{', '.join(told)}, decode {100 * waited_s / elapsed_s:.0f}%", refresh=False)
        self._bar.update(len(records))


class _Sum:
    """The main metric of one plan so far."""

    def __init__(self, plan: Plan) -> None:
        self.main, self.pending = kinds.find(plan.protocol.kind).main, list[Record]()
        self._protocol, self._samples = plan.protocol, {sample.id: sample for sample in plan.samples}
        self._total = self._weight = 0.0

    @property
    def value(self) -> float:
        return 100 * self._total / self._weight if self._weight else math.nan

    def judge(self) -> Counter[str]:
        """Judge what is pending; the numbers of errors and of replies that were read."""
        pending, self.pending = self.pending, []
        counts: Counter[str] = Counter()
        for mode in dict.fromkeys(record["mode"] for record in pending):
            given = {(record["id"], mode): record for record in pending if record["mode"] == mode}
            scored = judge([self._samples[identifier] for identifier, _ in given], given, self._protocol, mode)
            counts["errors"] += sum(outcome.error is not None for outcome in scored.outcomes)
            counts["parsed"] += sum(outcome.failure is None for outcome in scored.outcomes)
            if (column := scored.columns.get(self.main)) is not None:
                counted = ~np.isnan(column)
                self._weight += float(scored.weights[self.main][counted].sum())
                self._total += math.fsum((column * scored.weights[self.main])[counted].tolist())
        return counts
