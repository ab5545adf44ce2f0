"""What training shows beside TRL's own figures: how good the best reply of a group is, how many can be read, some in full."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.parsers import parser
from tasks.protocol import Protocol
from trainers.rewards.iou import iou

QUANTILES = (0.25, 0.5, 0.75)
SHOWN = 2
"""Groups of a step that are written out."""


class Watch:
    """Looks at the replies of each generation.

    Args:
        protocol: The rules replies are read by.
        folder: Where `rollouts.jsonl` grows; None to write nothing.
        every: Steps between two entries.
    """

    def __init__(self, protocol: Protocol, folder: Path | None = None, every: int = 50) -> None:
        self.protocol = protocol
        self.folder = folder
        self.every = every

    def replies(
        self, step: int, rows: Sequence[Mapping[str, Any]], texts: Sequence[str], own: Sequence[bool]
    ) -> dict[str, float]:
        """Figures of one generation; off-policy answers (`own` is false) play no part.

        `top1_iou/*` are quantiles over groups of the largest IoU in a group (Fig. 4 of TempSamp-R1).
        """
        targets, durations = [row["targets"] for row in rows], [row["duration_s"] for row in rows]
        values = iou(list(texts), targets=targets, duration_s=durations, protocol=self.protocol)
        if self.folder is not None and step % self.every == 0:
            self._write(step, rows, texts, own, values)
        read_reply = parser(self.protocol.answer)
        chosen = [index for index, mine in enumerate(own) if mine]
        best: dict[tuple[str, str], float] = {}
        for index in chosen:
            key = rows[index]["id"], rows[index]["mode"]
            best[key] = max(best.get(key, 0.0), values[index] or 0.0)
        quantiles: list[float] = np.quantile(list(best.values()), QUANTILES).tolist() if best else []
        read = [read_reply(texts[index]).failure is None for index in chosen]
        return {
            **{f"top1_iou/q{round(100 * q)}": value for q, value in zip(QUANTILES, quantiles, strict=False)},
            "iou": float(np.mean([values[index] or 0.0 for index in chosen])) if chosen else 0.0,
            "parse_rate": float(np.mean(read)) if read else 0.0,
        }

    def _write(
        self,
        step: int,
        rows: Sequence[Mapping[str, Any]],
        texts: Sequence[str],
        own: Sequence[bool],
        values: Sequence[float | None],
    ) -> None:
        assert self.folder is not None
        ids = list(dict.fromkeys(row["id"] for row in rows))[:SHOWN]
        with (self.folder / "rollouts.jsonl").open("a", encoding="utf-8") as file:
            for row, text, mine, value in zip(rows, texts, own, values, strict=True):
                if row["id"] in ids:
                    entry = {"step": step, "id": row["id"], "mode": row["mode"], "off_policy": not mine, "iou": value}
                    file.write(json.dumps({**entry, "text": text, "targets": row["targets"]}) + "\n")
