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


class Progress:
    """Done of total, the main metric so far, parse rate, errors and the share of time spent waiting for frames, on stderr."""

    def __init__(self, total: int, plan: Plan) -> None:
        interval_s = 1 if sys.stderr.isatty() else 30
        self._bar = tqdm(total=total, desc=plan.name, unit="q", file=sys.stderr, mininterval=interval_s)
        self._protocol, self._samples = plan.protocol, {sample.id: sample for sample in plan.samples}
        self._counts: Counter[str] = Counter()
        self._values: list[float] = []
        self._main = kinds.find(plan.protocol.kind).main
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    @property
    def value(self) -> float:
        """The mean of the main metric over the replies so far that count, in percent; NaN before there is one."""
        return 100 * math.fsum(self._values) / len(self._values) if self._values else math.nan

    def update(self, records: Sequence[Record], waited_s: float) -> None:
        """Take in records, all of a video at once."""
        for mode in dict.fromkeys(record["mode"] for record in records):
            given = {(record["id"], mode): record for record in records if record["mode"] == mode}
            scored = judge([self._samples[identifier] for identifier, _ in given], given, self._protocol, mode)
            self._counts["errors"] += sum(outcome.error is not None for outcome in scored.outcomes)
            self._counts["parsed"] += sum(outcome.failure is None for outcome in scored.outcomes)
            column = scored.columns.get(self._main)
            self._values += [] if column is None else column[~np.isnan(column)].tolist()
        self._counts["done"] += len(records)
        answered = self._counts["done"] - self._counts["errors"]
        elapsed_s = max(time.monotonic() - self._start, 1e-9)
        self._bar.set_postfix_str(
            f"{self._main} {self.value:.1f}, parsed {100 * self._counts['parsed'] / max(answered, 1):.0f}%, "
            f"errors {self._counts['errors']}, decode {100 * waited_s / elapsed_s:.0f}%",
            refresh=False,
        )
        self._bar.update(len(records))
