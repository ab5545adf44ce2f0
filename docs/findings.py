"""Writes docs/findings.md and the runs of docs/findings: real systems on public files, and what needs no look at a video.

python docs/findings.py DATA_ROOT        # annotations and prediction files; nothing of them is copied, only scores

DATA_ROOT holds the annotations as `harness data check` wants them, `vue_tr/results_*.json` and `vue_tr_v2/results_*.json` of
bytedance/vidi, and `qvhighlights/sample_val_preds.jsonl` of jayleicn/moment_detr.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from tabulate import tabulate

from harness import api
from harness.plan import Plan, make_plan
from harness.recorded import Recorded
from harness.report import BEST, CALLED, Floor, floors
from harness.scoring import Scored, judge_answers
from harness.store import write_json
from leaderboards.board import published
from leaderboards.compare.set_errors import TYPES, SetDiagnosis, diagnose_sets
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.span import Span
from tasks.statistics import interval

ROOT = Path(__file__).resolve().parent
KEPT, PAGE, README = ROOT / "findings", ROOT / "findings.md", ROOT.parent / "README.md"
SYSTEMS = {
    "vue-tr": {name: f"vue_tr/results_{name}.json" for name in ("Vidi", "Gemini-2.5-Pro", "GPT-4o")},
    "vue-tr-v2": {name: f"vue_tr_v2/results_{name}.json" for name in ("Vidi2.5", "Vidi2", "GPT-5")},
    "qvhighlights@val": {"Moment-DETR": "qvhighlights/sample_val_preds.jsonl"},
}
"""Prediction files by task and system, the best first."""
ORDER = {name: place for place, name in enumerate(("ultra-short", "short", "medium", "long", "ultra-long"))}
"""Of parts of a split that have one; the others stand by name."""
SHOWN = ("whole-video", "middle-half", "train-prior")
LOOKED = (
    *(("charades@test", "tempr1", "mIoU"), ("anet@val_2", "tempr1", "mIoU"), ("tacos@test", "default", "mIoU")),
    *(("qvhighlights@val", "tempr1", "set-mIoU"), ("anet-dense@val_2", "tempr1", "mIoU"), ("nextgqa@test", "tempr1", "set-mIoU")),
    *(("nextgqa@test", "tempr1", "Acc"), ("nextgqa@test", "tempr1", "Acc@GQA"), ("anet-tal@val", "tempr1", "mF1")),
    *(("anet-tal@val", "tempr1", "multi-mF1"), ("thumos14@val", "tempr1", "mF1"), ("tvsum@val", None, "mAP")),
    *(("youtube-highlights@val", None, "mAP"), ("vue-tr", None, "AUC"), ("vue-tr-v2", None, "AUC")),
)
"""Benchmarks at hand, the protocols under which baselines are made, and a metric."""
HEAD = """# Findings

Written by `python docs/findings.py DATA_ROOT`, from public annotations and public prediction files; only scores are kept here.
Numbers are percentages. Intervals are at 95 %, over videos. We tuned nothing and ran no system ourselves.
"""
BLIND = """
## What blind baselines score

Each row is one benchmark under one protocol. The first columns answer without the video. A constant span is chosen on the train
split. The place prior says for event i of N the span that fits best in train. Tiles cut the video into equal parts. Beside them
stand the lowest and the highest number that papers print for the same metric; their protocols and splits may differ. TempR1
(arXiv 2512.03963) does not state the splits behind its dense grounding and action localization.
"""
MARKER = "<!-- python docs/findings.py -->"


def main(data_root: Path) -> None:
    """Score, keep and write."""
    parts, short = [HEAD], []
    for task, files in SYSTEMS.items():
        runs = {name: _score(task, name, data_root / file, data_root) for name, file in files.items()}
        parts += _systems(task, runs, data_root)
        short += _short(runs)
    blind = list(_blind(data_root))
    parts += [BLIND, _table(blind)]
    PAGE.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    block = f"{MARKER}\n{_table(short)}\n<!-- end -->"
    text = re.sub(rf"{re.escape(MARKER)}.*?<!-- end -->", lambda _: block, README.read_text(encoding="utf-8"), flags=re.DOTALL)
    README.write_text(text, encoding="utf-8")


def _score(task: str, name: str, file: Path, data_root: Path) -> Recorded:
    """Score one file with the command that the page names, and keep its run without samples."""
    folder = KEPT / task.replace("@", "-") / name
    protocol = ["--protocol", "qvh-official"] if task.startswith("qvhighlights") else []
    with tempfile.TemporaryDirectory() as place:
        typed = ["score", file, "--task", task, "--data-root", data_root, "--output", place, "--system", name, *protocol]
        subprocess.run([Path(sys.executable).with_name("harness"), *typed], check=True, stdout=subprocess.DEVNULL)
        run, scores = (json.loads((Path(place) / f"{part}.json").read_text(encoding="utf-8")) for part in ("run", "scores"))
    folder.mkdir(parents=True, exist_ok=True)
    command = ["harness", "score", file.name, "--task", task, "--output", name, "--system", name, *protocol]
    run["sessions"][-1]["command"] = command
    for mode in scores["modes"].values():
        mode["samples"] = []
    write_json(folder / "run.json", run)
    write_json(folder / "scores.json", scores)
    return api.score(file, task=task, data_root=data_root)


def _systems(task: str, runs: Mapping[str, Recorded], data_root: Path) -> Iterator[str]:
    """A section on the systems of one benchmark: means, differences, parts of the split, types of errors."""
    first = next(iter(runs.values()))
    plan, main, headings = first.plan, first.scores["main"], first.scores["headings"]
    scored = {name: run.judged[run.plan.modes[0]] for name, run in runs.items()}
    yield f"\n## {plan.task.title} ({plan.name}, {len(plan.samples):,} queries), protocol {plan.protocol.name}\n"
    table = []
    for name, run in runs.items():
        entry = run.scores["modes"][run.plan.modes[0]]
        values = {title: _two(entry["aggregate"][key]) for key, title in headings.items()}
        said = f"{entry['counts']['parsed']:,} of {entry['counts']['answered']:,}"
        table.append({"system": name, **values, f"95 % of {headings[main]}": _bounds(entry, main), "with a time": said})
    for name, kind, entry in floors(plan):
        values = {title: _two(entry["aggregate"].get(key)) for key, title in headings.items()}
        table.append({"system": f"{name} ({CALLED[kind]})", **values})
    yield _table(table)
    yield "\nDifferences, paired by query and clustered by video:\n"
    yield _table(_differences(task, runs, data_root))
    if labels := sorted({label for s in plan.samples for label in s.labels}, key=lambda x: (x[0], ORDER.get(x[1], 9), x[1])):
        whole = judge_answers(plan.samples, [Answer((Span(0.0, s.duration_s),)) for s in plan.samples], plan.protocol)
        yield f"\n{headings[main]} by part of the split, with 95 % intervals:\n"
        yield _table(_part(*label, {**scored, "whole video": whole}, main) for label in labels)
    if plan.protocol.kind != "windows":
        yield "\nWhat is wrong with the answers: queries of each type, and the points of the main metric that they cost:\n"
        errors = {name: diagnose_sets(one) for name, one in scored.items()}
        kinds = [kind for kind in TYPES if any(one.count[kind] for one in errors.values())]
        yield _table({"type": kind, **{name: _cost(one, kind) for name, one in errors.items()}} for kind in kinds)


def _short(runs: Mapping[str, Recorded]) -> Iterator[dict[str, str]]:
    """Rows of the README: the main metric of each system, and of the whole video."""
    first = next(iter(runs.values()))
    main, title = first.scores["main"], first.scores["headings"][first.scores["main"]]
    blind = max(entry["aggregate"].get(main) or 0.0 for _, kind, entry in floors(first.plan) if kind == "trivial")
    for name, run in runs.items():
        entry = run.scores["modes"][run.plan.modes[0]]
        value = f"{_two(entry['aggregate'][main])} ({_bounds(entry, main)})"
        yield {"benchmark": run.plan.name, "system": name, "metric": title, "value": value, BEST: _two(blind)}


def _part(label: str, value: str, scored: Mapping[str, Scored], main: str) -> dict[str, str]:
    row = {"part": f"{label}: {value}"}
    for name, one in scored.items():
        members = np.array([dict(sample.labels).get(label) == value for sample in one.samples])
        column = one.columns[main][members][:, None]
        ((low, high),) = 100 * interval(column, [s.video for s, m in zip(one.samples, members, strict=True) if m])
        row |= {"queries": f"{int(members.sum()):,}", name: f"{100 * float(np.nanmean(column)):.2f} ({low:.1f}-{high:.1f})"}
    return row


def _cost(errors: SetDiagnosis, kind: str) -> str:
    return f"{errors.count[kind]:,} ({errors.points[kind]:.1f})"


def _differences(task: str, runs: Mapping[str, Recorded], data_root: Path) -> Iterator[dict[str, str]]:
    """Every system against the whole video, and the first against every other, query by query."""
    with tempfile.TemporaryDirectory() as place:
        blind = api.run("whole-video", task, data_root=data_root, output=Path(place) / "whole-video")
        best, *others = runs.items()
        pairs = [(name, "whole video", run, blind) for name, run in runs.items()]
        pairs += [(best[0], name, best[1], run) for name, run in others]
        for name, other, one, against in pairs:
            compared = api.compare(against, one, task=task, data_root=data_root)
            (mode,) = compared.result["modes"].values()
            metric = mode["comparisons"][0]["metrics"][one.scores["main"]]
            low, high = metric["interval_95"]
            found = {
                "difference": f"{metric['difference']:+.2f}",
                "95 %": f"{low:+.1f} to {high:+.1f}",
                "p": f"{metric['p']:.4f}",
            }
            yield {"system": name, "against": other, **found}


def _blind(data_root: Path) -> Iterator[dict[str, str]]:
    """One row a benchmark and metric: each blind baseline, the upper bound, and what papers print."""
    made: dict[str, tuple[Plan, list[Floor]]] = {}
    for task, protocol, metric in LOOKED:
        if task not in made:
            plan = make_plan(task, None, protocol, None, data_root)
            made[task] = plan, floors(plan)
        plan, found = made[task]
        value = {name: entry["aggregate"].get(metric) for name, _, entry in found}
        others = {name: value[name] or 0.0 for name, kind, _ in found if kind == "trivial" and name not in SHOWN}
        best = max(others, key=lambda name: others[name], default=None)
        title = found[0][2]["headings"][metric]
        yield {
            "benchmark": plan.name,
            "protocol": plan.protocol.name,
            "metric": title,
            **{name: _two(value.get(name)) for name in SHOWN},
            "other baseline": "-" if best is None else f"{_two(others[best])} ({best})",
            CALLED["ceiling"]: _two(value.get("oracle", 100.0)),
            "papers": _printed(plan.task.name, title),
        }


def _printed(task: str, metric: str) -> str:
    """The lowest and the highest number that papers print for a metric of a benchmark."""
    tables = [table for paper in published.papers() for table in published.read(published.FOLDER / f"{paper}.yaml")]
    cells = [
        (cell.value, row.model, row.source)
        for table in tables
        for row in table.rows
        if row.task == task and (cell := row.metrics.get(metric)) is not None and cell.value is not None and not cell.flag
    ]
    if not cells:
        return "-"
    (low, *_), (high, model, source) = min(cells), max(cells)
    return f"{low:.1f} to {high:.1f} ({model}; {source})"


def _bounds(entry: Mapping[str, Mapping[str, tuple[float, float]]], metric: str) -> str:
    low, high = entry["interval_95"][metric]
    return f"{low:.1f}-{high:.1f}"


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(rows: Iterable[Mapping[str, str]]) -> str:
    return str(tabulate(list(rows), headers="keys", tablefmt="github", disable_numparse=True, missingval="-"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(str(error))
