"""What training shows of the policy's own replies beside TRL's figures, which contain the given answer."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from transformers import TrainerCallback

from tasks.answer import Answer
from tasks.parsers import reader
from tasks.protocol import Protocol
from trainers.examples import Row
from trainers.rewards import RecipeReward

QUANTILES = (0.25, 0.5, 0.75)
EVERY, SHOWN = 50, 2  # Steps from one that is written out to the next, and groups of it


class Reply(NamedTuple):
    """One reply of a generation."""

    row: Row  # What it replies to
    text: str
    own: bool  # Whether the policy drew it
    reward: float  # Weighted sum of its rewards, NaN where nothing scores it
    score: float  # Main metric of its kind, in [0, 1]
    answer: Answer  # What is read from it

    @property
    def group(self) -> tuple[str, str, str]:
        """What it shares with the replies to the same prompt."""
        return self.row["id"], self.row["mode"], self.row["protocol_name"]


class RolloutMetrics:
    """Figures of the replies of each generation, read by protocols by name; `rollouts.jsonl` in `folder`, if any, gets some.

    `best_of` is k of the expected best of k own replies: the same for recipes that are compared.
    """

    def __init__(self, protocols: Mapping[str, Protocol], best_of: int, folder: Path | None = None) -> None:
        self._score = RecipeReward("score", protocols)
        self._readers = {name: reader(protocol) for name, protocol in protocols.items()}
        kinds = {protocol.kind for protocol in protocols.values()}
        self._mixed = len(kinds) > 1
        # Where it is the IoU of one span, the main metric is called that.
        self._name = "iou" if kinds <= {"moment"} else "score"
        self.best_of = best_of
        self.folder = folder

    def __call__(
        self, step: int, rows: Sequence[Row], texts: Sequence[str], own: Sequence[bool], rewards: Sequence[float]
    ) -> dict[str, float]:
        """Figures of one generation; off-policy answers (`own` is false) play no part.

        `top1_iou/*` are quantiles over groups of the expected best of `best_of` replies (Fig. 4 of TempSamp-R1). Where kinds are
        mixed, figures of each follow, named `FIGURE/KIND`.
        """
        scores = self._score(completions=list(texts), **{name: [row[name] for row in rows] for name in rows[0]})
        replies = [
            Reply(row, text, mine, reward, score or 0.0, self._readers[row["protocol_name"]](text, row["duration_s"]))
            for row, text, mine, reward, score in zip(rows, texts, own, rewards, scores, strict=True)
        ]
        self._write(step, replies)
        figures = self._figures([reply for reply in replies if reply.own])
        for kind in dict.fromkeys(row["kind"] for row in rows) if self._mixed else ():
            chosen = [reply for reply in replies if reply.own and reply.row["kind"] == kind]
            figures |= {f"{name}/{kind}": value for name, value in self._figures(chosen).items()} | of_spans(chosen, kind)
        return figures

    def _figures(self, replies: Sequence[Reply]) -> dict[str, float]:
        """What is logged of own replies, of all kinds or of one."""
        groups: dict[tuple[str, str, str], list[Reply]] = {}
        for reply in replies:
            groups.setdefault(reply.group, []).append(reply)
        best = [expected_best([reply.score for reply in group], self.best_of) for group in groups.values()]
        quantiles = np.quantile(best, QUANTILES).tolist() if best else []
        rewards = [[reply.reward for reply in group if not math.isnan(reply.reward)] for group in groups.values()]
        flat = [max(group) - min(group) < 1e-8 for group in rewards if group]
        scored = [value for group in rewards for value in group]
        found: dict[str, Sequence[float]] = {
            self._name: [reply.score for reply in replies],
            "parse_rate": [reply.answer.failure is None for reply in replies],
            "own/reward": scored,
            "own/frac_reward_zero_std": flat,
        }
        return {
            **{f"top1_{self._name}/q{round(100 * q)}": value for q, value in zip(QUANTILES, quantiles, strict=False)},
            **{name: float(np.mean(values)) for name, values in found.items() if values},
        }

    def _write(self, step: int, replies: Sequence[Reply]) -> None:
        if self.folder is None or step % EVERY:
            return
        shown = list(dict.fromkeys(reply.row["id"] for reply in replies))[:SHOWN]
        with (self.folder / "rollouts.jsonl").open("a", encoding="utf-8") as file:
            for row, text, own, reward, score, _ in replies:
                if row["id"] in shown:
                    entry = {"step": step, "id": row["id"], "mode": row["mode"], "off_policy": not own, self._name: score}
                    entry |= {"reward": None if math.isnan(reward) else reward, "text": text, "targets": row["targets"]}
                    file.write(json.dumps(entry) + "\n")


def of_spans(replies: Sequence[Reply], kind: str) -> dict[str, float]:
    """How many spans replies have, and how many the truth has."""
    spans = [(len(reply.answer.spans), len(reply.row["targets"])) for reply in replies]
    said, true = np.mean(spans, axis=0).tolist() if spans else (0.0, 0.0)
    return {f"n_spans/{kind}": said, f"n_spans_true/{kind}": true}


def expected_best(values: Sequence[float], k: int) -> float:
    """Expected largest of k of these n values, drawn without replacement: sum over ranks i of C(i - 1, k - 1) / C(n, k) x_(i).

    With k >= n the largest.
    """
    ordered, n = sorted(values), len(values)
    k = min(k, n)
    return sum(math.comb(rank, k - 1) * value for rank, value in enumerate(ordered)) / math.comb(n, k)


class ParseRateWatch(TrainerCallback):
    """Warns once when fewer than half as many own replies can be read as before: the form of the answer is being unlearnt."""

    WINDOW = 10  # Logged steps that are averaged

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.rates: list[float] = []
        self.best = 0.0
        self.told = False

    def on_log(self, args: object, state: object, control: object, logs: dict[str, float] | None = None, **_: object) -> None:  # noqa: ARG002
        """Compare the mean of the last steps with the best before."""
        if self.told or logs is None or "parse_rate" not in logs:
            return
        self.rates = [*self.rates, logs["parse_rate"]][-self.WINDOW :]
        if len(self.rates) == self.WINDOW:
            now = sum(self.rates) / self.WINDOW
            self.best = max(self.best, now)
            if now < self.best / 2:
                self.told = True
                self.tell(f"only {now:.0%} of the replies can be read, {self.best:.0%} could: see rollouts.jsonl")
