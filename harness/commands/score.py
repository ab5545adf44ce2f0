"""`harness score`."""

import gc
import json
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness import across, foreign, store
from harness.commands.plans import as_run, plans
from harness.commands.run import conclusion
from harness.plan import Plan
from harness.records import Record
from harness.run import Summary, score_plan
from tasks import formats_qvh, highlights, moments, protocol
from tasks.errors import InputError
from tasks.parsers import parser

USAGE = "harness score FILE --task charades@test"
SHOWN = 5


def main(options: Namespace) -> int:
    """Score a run folder or anyone's predictions under a protocol; nothing is written."""
    path = Path(options.path)
    if (run := store.read_run(path)) is not None:
        plan, records = run_of(options, path, run["spec"])
        if options.all_protocols:
            return _all_protocols(options, plan, path / store.SAMPLES)
    else:
        if not path.is_file() or not options.task:
            found = f"{path}" if path.is_file() else f"no run.json in {path}" if path.is_dir() else f"no {path}"
            raise InputError("a run folder, or a file of predictions with --task", found, USAGE)
        plan = plan_of(options, options.task)
        if options.all_protocols:
            return _all_protocols(options, plan, path)
        if options.protocol is None and plan.samples[0].saliency is not None and is_submission(path):
            return _submission(options, plan, path)
        records = predictions(plan, path)
    # What was read stays to the end: collections need not walk it again and again.
    gc.freeze()
    scores = score_plan(plan, records)
    if options.json:
        sys.stdout.write(json.dumps(scores, indent=1) + "\n")
    else:
        sys.stdout.write(conclusion(path.name, plan, Summary(path, scores, 0)))
    return 0


def _all_protocols(options: Namespace, plan: Plan, path: Path) -> int:
    every = map(protocol.load, protocol.names())
    has_highlights = plan.samples[0].saliency is not None
    protocols = [rules for rules in every if has_highlights or rules.score.saliency == "none"]
    mode = plan.modes[0]
    readings = across.read_all(_rows(plan, path), [plan.protocol, *protocols], mode)
    gc.freeze()
    rows = across.table(plan.samples, readings, plan.protocol, protocols, mode)
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        title = f"{plan.name}, mode {mode}: the same replies under every protocol. The last columns: what the protocol's parser, "
        title += f"rounding, … alone would do to R1@0.5 and mIoU under {plan.protocol.name}."
        sys.stdout.write(f"{title}\n{tabulate(rows, headers='keys', disable_numparse=True, stralign='right')}\n")
    return 0


def run_of(options: Namespace, path: Path, spec: Mapping[str, Any]) -> tuple[Plan, Mapping[tuple[str, str], Record]]:
    """The plan of a run folder, under the rules it was asked with unless the options name others, and its records."""
    options.protocol = options.protocol or spec["protocol"]["name"]
    options.modes = options.modes or ",".join(spec["modes"])
    options.limit, options.seed = spec["limit"], spec["seed"]
    plan = plan_of(options, options.task or f"{spec['task']}@{spec['split']}")
    if plan.split_sha256 != spec["split_sha256"]:
        made_on = f"the split the run was made on, {spec['split_sha256'][:8]}"
        raise InputError(made_on, plan.split_sha256[:8], "--data-root DIR")
    records = store.read_records(path)
    return as_run(plan, spec.get("ids_sha256"), (identifier for identifier, _ in records)), records


def plan_of(options: Namespace, name: str) -> Plan:
    """The one plan that the options name. Raises InputError."""
    (plan,) = plans(options, name)
    return plan


def predictions(plan: Plan, path: Path) -> dict[tuple[str, str], Record]:
    """Read a file row by row under the protocol's parser, keeping what was read and not the text.

    A row without a mode answers every mode; of several rows for one sample the last counts.

    Raises:
        InputError: The file is not one of the formats, or none of its rows matches a sample.
    """
    read = parser(plan.protocol.answer)
    records: dict[tuple[str, str], Record] = {}
    for row in _rows(plan, path):
        modes = (row.mode,) if row.mode else plan.modes
        records |= dict.fromkeys(product(row.ids, modes), foreign.as_record(row, read))
    return records


def _rows(plan: Plan, path: Path) -> Iterator[foreign.Row]:
    """Rows that answer a sample in a mode of the plan; at the end, tells of the other rows and of samples without a row.

    Of rows that match nothing only their number and the first few are kept, however many there are.
    """
    rows, counts, first = 0, Counter[str](), defaultdict[str, list[str]](list)
    answered: set[str] = set()
    for row in foreign.read(path, plan.samples):
        rows += 1
        if row.ids and row.mode in ("", *plan.modes):
            answered.update(row.ids)
            yield row
            continue
        kind = f"answer in another mode than {', '.join(plan.modes)}" if row.ids else "match no sample"
        counts[kind] += 1
        if counts[kind] <= SHOWN:
            first[kind].append(row.where)
    if not answered:
        raise InputError(f"predictions for samples of {plan.name}", f"{rows} rows in {path}, none of which names one", USAGE)
    for kind, count in counts.items():
        _tell(count, f"of {rows} rows {kind}", first[kind])
    missing = [sample.id for sample in plan.samples if sample.id not in answered]
    _tell(len(missing), "samples have no row", missing[:SHOWN])


def _tell(count: int, what: str, examples: list[str]) -> None:
    if count:
        sys.stderr.write(f"{count} {what}: {', '.join(examples)}{' …' if count > len(examples) else ''}\n")


def is_submission(path: Path) -> bool:
    """Whether the first row of a file is one of a moment_detr submission."""
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    return b'"pred_relevant_windows"' in first or b'"pred_saliency_scores"' in first


def _submission(options: Namespace, plan: Plan, path: Path) -> int:
    """The report of the official QVHighlights evaluator on a submission, under `--ids` on those of its rows."""
    asked = {sample.native_id for sample in plan.samples}
    try:
        with path.open(encoding="utf-8") as file:
            rows = formats_qvh.read_submission(file)
            some = rows if plan.ids_sha256 is None else (row for row in rows if row[0] in asked)
            found = formats_qvh.match_submission(some, plan.samples)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError("a submission as moment_detr writes it", f"{path}: {error}", USAGE) from error
    scored = moments.moment_retrieval([moments.windows(p) for p in found], [s.targets for s in plan.samples], "float")
    ranked = None
    if any(prediction.saliency for prediction in found):
        ranked = highlights.highlight_detection([p.saliency for p in found], [s.saliency or () for s in plan.samples])
    report = formats_qvh.report(scored, ranked)
    report["brief"]["MR-full-mIoU"] = round(moments.means(scored)["MR-full-mIoU"], 2)
    if options.json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        title = f"{plan.name} v{plan.task.version} ({plan.split_sha256[:8]}), rules of the official evaluator, n {len(found)}"
        sys.stdout.write(f"{title}\n{tabulate(report['brief'].items(), headers=['metric', '%'], floatfmt='.2f')}\n")
    return 0
