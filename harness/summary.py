"""What a run comes to: its scores, and the words that end it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import sessions, store
from harness.models import naming
from harness.models.verdict import WHOLE_S, right_to
from harness.plan import Plan
from harness.predicted import hint
from harness.records import MODEL_ERROR, Record, error_type
from harness.report import Floor, floor_rows, floors, heading, render, rows
from harness.scores import scores_of
from harness.scoring import Scored, judge
from tasks.words import counted


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        folder: Where it lies.
        scores: The content of `scores.json`; None in a process of a launch that did not end last.
        failed: Number of questions whose record is an error.
        tokens: Tokens of all prompts and of all replies.
        wrong_clocks: For each reply to wrong times, by how many seconds they were wrong.
        again: Whether the run had finished before, and nothing was asked.
        max_new_tokens: The limit on the length of its replies, None where it is not known.
        notes: What is to be told of how its replies were read, a line each.
    """

    folder: Path
    scores: dict[str, Any] | None
    failed: int
    tokens: tuple[int, int] = (0, 0)
    wrong_clocks: tuple[float, ...] = ()
    again: bool = False
    max_new_tokens: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def broke(self) -> bool:
        """Whether code of the model raised: unlike a missing video, nothing of the input explains that."""
        modes = self.scores["modes"].values() if self.scores else ()
        return any(MODEL_ERROR in entry.get("counts", {}).get("errors", {}) for entry in modes)


def summarize(plan: Plan, folder: Path, records: Mapping[tuple[str, str], Record]) -> Summary:
    """Score the replies of a run, and count what they took and what failed."""
    tokens = [record["tokens"] for record in records.values() if record["tokens"] is not None]
    total = sum(count["prompt"] for count in tokens), sum(count["new"] for count in tokens)
    wrong_clocks = tuple(record["wrong_clock_s"] for record in records.values() if "wrong_clock_s" in record)
    limit, scores = plan.protocol.decoding.max_new_tokens, score_plan(plan, records)
    better = hint(plan, scores, records.values())
    notes = () if better is None else (better,)
    return Summary(folder, scores, failed(plan, records), total, wrong_clocks, max_new_tokens=limit, notes=notes)


def failed(plan: Plan, records: Mapping[tuple[str, str], Record]) -> int:
    """Number of questions whose record is an error."""
    return sum(error_type(records.get((sample.id, mode))) is not None for sample in plan.samples for mode in plan.modes)


def judge_plan(plan: Plan, records: Mapping[tuple[str, str], Record]) -> dict[str, Scored]:
    """The replies of every mode of a plan, judged."""
    return {mode: judge(plan.samples, records, plan.protocol, mode) for mode in plan.modes}


def score_plan(plan: Plan, records: Mapping[tuple[str, str], Record]) -> dict[str, Any]:
    """The content of `scores.json`."""
    return scores_for(plan, judge_plan(plan, records))


def scores_for(plan: Plan, judged: Mapping[str, Scored]) -> dict[str, Any]:
    """The content of `scores.json`, of replies that are judged."""
    identity = {"task": plan.task.name, "task_version": plan.task.version, "split": plan.split, "split_sha256": plan.split_sha256}
    ids = {"ids_sha256": plan.ids_sha256} if plan.ids_sha256 else {}
    return {**scores_of(judged), **identity, "limit": plan.limit, **ids, "seed": plan.seed}


def conclusion(model: str, plan: Plan, summary: Summary, found: Sequence[Floor] | None = None) -> str:
    """The table that ends a run, with the rows of baselines and upper bounds, and where the run lies."""
    if summary.scores is None:
        return f"{plan.name}: this process is done; another process of the launch scores {summary.folder}\n"
    found = floors(plan, tells_whole_seconds(summary.folder)) if found is None else found
    table = [*rows(naming.local(model), summary.scores), *floor_rows(plan, found)]
    lines = [heading(plan), render(table)]
    for mode, entry in summary.scores["modes"].items():
        counts = entry.get("counts", {})
        notes = [f"{n} {name}" for kind in ("errors", "parse_failures") for name, n in counts.get(kind, {}).items()]
        if notes:
            lines.append(f"{mode}: scored 0: {', '.join(notes)}")
        if cut_off := counts.get("truncated"):
            limit = "their length limit" if summary.max_new_tokens is None else f"{summary.max_new_tokens:,} tokens"
            lines.append(f"{mode}: {cut_off:,} {'reply was' if cut_off == 1 else 'replies were'} cut off at {limit}")
    if summary.wrong_clocks:
        extent = f"{counted(len(summary.wrong_clocks), 'reply')}, by up to {max(summary.wrong_clocks):.2f} s"
        lines.append(f"WRONG CLOCK: the model was told wrong times of the frames in {extent}")
    if told := clock_verdict(summary.folder):
        lines.append(f"clock: {told}")
    document = store.read_run(summary.folder)
    if document is not None and (differ := sessions.differences(document["sessions"])):
        lines.append(f"made in sessions that differ: {differ}")
    again = " (finished before; nothing was asked)" if summary.again else ""
    return "\n".join([*lines, f"run: {summary.folder}{again}", ""])


def clock_verdict(folder: Path) -> str | None:
    """What was read back of the times that the model of a run is told; None where nothing could be."""
    document = store.read_run(folder)
    return None if document is None else document["spec"]["model"].get("clock_verdict")


def tells_whole_seconds(folder: Path) -> bool:
    """Whether the model of a run is told whole seconds."""
    return clock_verdict(folder) == right_to(WHOLE_S)


def usage(summary: Summary, price: Sequence[float] | None) -> str:
    """Tokens of a run and, with dollars per million prompt and reply tokens, what they cost; empty if none were counted."""
    if not any(summary.tokens):
        return ""
    prompt, new = summary.tokens
    cost = "" if price is None else f", {(prompt * price[0] + new * price[1]) / 1e6:.2f} dollars"
    return f"tokens: {prompt:,} in prompts, {new:,} in replies{cost}\n"
