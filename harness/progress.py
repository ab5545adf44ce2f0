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

    def __init__(self, total: int, plan: Plan) -> None:
        interval_s = 1 if sys.stderr.isatty() else 30
        self._bar = tqdm(total=total, desc=plan.name, unit="q", file=sys.stderr, mininterval=interval_s)
        self._protocol, self._samples = plan.protocol, {sample.id: sample for sample in plan.samples}
        self._counts: Counter[str] = Counter()
        self._values: list[float] = []
        self._pending: list[Record] = []
        self._main = kinds.find(plan.protocol.kind).main
        self._start = self._judged = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    @property
    def value(self) -> float:
        """The mean of the main metric over the replies so far that count, in percent; NaN before there is one."""
        self._judge()
        return 100 * math.fsum(self._values) / len(self._values) if self._values else math.nan

    def update(self, records: Sequence[Record], waited_s: float) -> None:
        """Take in records, all of a video at once; they are judged about once a second."""
        self._pending += records
        self._counts["done"] += len(records)
        if (now := time.monotonic()) - self._judged >= EVERY_S or self._counts["done"] >= (self._bar.total or 0):
            self._judged, value = now, self.value
            answered = self._counts["done"] - self._counts["errors"]
            elapsed_s = max(now - self._start, 1e-9)
            self._bar.set_postfix_str(
                f"{self._main} {value:.1f}, parsed {100 * self._counts['parsed'] / max(answered, 1):.0f}%, "
                f"errors {self._counts['errors']}, decode {100 * waited_s / elapsed_s:.0f}%",
                refresh=False,
            )
        self._bar.update(len(records))

    def _judge(self) -> None:
        pending, self._pending = self._pending, []
        for mode in dict.fromkeys(record["mode"] for record in pending):
            given = {(record["id"], mode): record for record in pending if record["mode"] == mode}
            scored = judge([self._samples[identifier] for identifier, _ in given], given, self._protocol, mode)
            self._counts["errors"] += sum(outcome.error is not None for outcome in scored.outcomes)
            self._counts["parsed"] += sum(outcome.failure is None for outcome in scored.outcomes)
            column = scored.columns.get(self._main)
            self._values += [] if column is None else column[~np.isnan(column)].tolist()
