"""What training shows beside TRL's own figures: how good the best reply of a group is, how many can be read, some in full."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tasks.parsers import parser
from tasks.protocol import Protocol
from trainers.examples import Row
from trainers.rewards import RecipeReward

QUANTILES = (0.25, 0.5, 0.75)
COLUMNS = ("targets", "duration_s", "mode", "protocol_name")
EVERY, SHOWN = 50, 2  # Steps from one that is written out to the next, and groups of it


class RolloutMetrics:
    """Figures of the replies of each generation, read by protocols by name; `rollouts.jsonl` in `folder`, if any, gets some."""

    def __init__(self, protocols: Mapping[str, Protocol], folder: Path | None = None) -> None:
        self._iou = RecipeReward("iou", protocols)
        self._readers = {name: parser(protocol.answer) for name, protocol in protocols.items()}
        self.folder = folder

    def __call__(self, step: int, rows: Sequence[Row], texts: Sequence[str], own: Sequence[bool]) -> dict[str, float]:
        """Figures of one generation; off-policy answers (`own` is false) play no part.

        `top1_iou/*` are quantiles over groups of the largest IoU in a group (Fig. 4 of TempSamp-R1).
        """
        values = self._iou(completions=list(texts), **{name: [row[name] for row in rows] for name in COLUMNS})
        if self.folder is not None and step % EVERY == 0:
            shown = list(dict.fromkeys(row["id"] for row in rows))[:SHOWN]
            with (self.folder / "rollouts.jsonl").open("a", encoding="utf-8") as file:
                for row, text, mine, value in zip(rows, texts, own, values, strict=True):
                    if row["id"] in shown:
                        entry = {"step": step, "id": row["id"], "mode": row["mode"], "off_policy": not mine, "iou": value}
                        file.write(json.dumps({**entry, "text": text, "targets": row["targets"]}) + "\n")
        chosen = [index for index, mine in enumerate(own) if mine]
        best: dict[tuple[str, str, str], float] = {}
        for index in chosen:
            key = rows[index]["id"], rows[index]["mode"], rows[index]["protocol_name"]
            best[key] = max(best.get(key, 0.0), values[index] or 0.0)
        quantiles: list[float] = np.quantile(list(best.values()), QUANTILES).tolist() if best else []
        read = [self._readers[rows[index]["protocol_name"]](texts[index]).failure is None for index in chosen]
        return {
            **{f"top1_iou/q{round(100 * q)}": value for q, value in zip(QUANTILES, quantiles, strict=False)},
            "iou": float(np.mean([values[index] or 0.0 for index in chosen])) if chosen else 0.0,
            "parse_rate": float(np.mean(read)) if read else 0.0,
        }
