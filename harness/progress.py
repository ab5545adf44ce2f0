"""The live line of a run."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tqdm import tqdm

from harness.plan import Plan
from harness.records import Record
from tasks.metrics import top1
from tasks.parsers import parser


class Progress:
    """Done of total, mIoU so far, parse rate, errors and the share of time spent waiting for frames, on standard error."""

    def __init__(self, total: int, done: int, plan: Plan) -> None:
        interval_s = 1 if sys.stderr.isatty() else 30
        self._bar = tqdm(total=total, initial=done, desc=plan.name, unit="q", file=sys.stderr, mininterval=interval_s)
        self._read = parser(plan.protocol.answer)
        self._targets = {sample.id: sample.truth.spans for sample in plan.samples}
        self._counts: Counter[str] = Counter()
        self._iou = 0.0
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def update(self, records: Sequence[Record], waited_s: float) -> None:
        """Take in newly written records."""
        for record in records:
            self._counts["done"] += 1
            if record["error"] is not None:
                self._counts["errors"] += 1
                continue
            spans = self._read(record["text"]).spans
            self._counts["parsed"] += bool(spans)
            if spans:
                self._iou += float(top1([spans[0]], [self._targets[record["id"]]], ())[0][0])
        done, answered = self._counts["done"], self._counts["done"] - self._counts["errors"]
        elapsed_s = max(time.monotonic() - self._start, 1e-9)
        self._bar.set_postfix_str(
            f"mIoU {100 * self._iou / max(done, 1):.1f}, parsed {100 * self._counts['parsed'] / max(answered, 1):.0f}%, "
            f"errors {self._counts['errors']}, decode {100 * waited_s / elapsed_s:.0f}%",
            refresh=False,
        )
        self._bar.update(len(records))
