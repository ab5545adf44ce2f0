"""`harness score`."""

import gc
import json
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness import all_protocols as across
from harness import store
from harness.commands.plans import as_run, plans
from harness.commands.run import conclusion
from harness.plan import Plan
from harness.predictions import submission
from harness.predictions.collect import MEAN, Collected
from harness.predictions.keys import DOCUMENT
from harness.predictions.names import SALIENCY
from harness.predictions.read import Predictions, Row, as_record
from harness.predictions.readable import TRIED, most_readable
from harness.records import Record
from harness.run import Summary, score_plan
from tasks import highlights, moments, protocol
from tasks.errors import InputError
from tasks.formats import qvhighlights as formats_qvh
from tasks.parsers import parser

USAGE = "harness score FILE --task charades@test"
SHOWN = 5


def main(options: Namespace) -> int:
    """Score a run folder or anyone's predictions under a protocol; nothing is written."""
    path = Path(options.path)
    run = store.read_run(path)
    records: Mapping[tuple[str, str], Record]
    if run is not None:
        plan, records = run_of(options, path, run["spec"])
        if options.all_protocols:
            return _all_protocols(options, plan, path / store.SAMPLES)
        limit = run["spec"]["protocol"]["decoding"]["max_new_tokens"]
    else:
        limit = None
        if not path.is_file() or not options.task:
            found = f"{path}" if path.is_file() else f"no run.json in {path}" if path.is_dir() else f"no {path}"
            raise InputError("a run folder, or a file of predictions with --task", found, USAGE)
        plan = plan_of(options, options.task)
        if options.all_protocols:
            return _all_protocols(options, plan, path)
        asked = options.protocol or options.reply_key
        if asked is None and plan.samples[0].truth.clips is not None and submission.is_submission(path):
            return _submission(options, plan, path)
        records = predictions(plan, path, options)
    # What was read stays to the end: collections need not walk it again and again.
    gc.freeze()
    scores = score_plan(plan, records)
    if run is not None and any(_reads_little(entry.get("parse_rate")) for entry in scores["modes"].values()):
        _write(_hint(plan, (record["text"] for record in records.values() if record["error"] is None)))
    if options.json:
        sys.stdout.write(json.dumps(scores, indent=1) + "\n")
    else:
        sys.stdout.write(conclusion(path.name, plan, Summary(path, scores, 0, max_new_tokens=limit)))
    return 0


def _all_protocols(options: Namespace, plan: Plan, path: Path) -> int:
    every = map(protocol.load, protocol.names())
    has_highlights = plan.samples[0].truth.clips is not None
    protocols = [rules for rules in every if has_highlights or rules.score.saliency == "none"]
    mode = plan.modes[0]
    rows, rule = _rows(plan, path, options), _rule(options, plan)
    readings, notes = across.read_all(rows, [plan.protocol, *protocols], mode, rule)
    _write(notes)
    gc.freeze()
    table = across.table(plan.samples, readings, plan.protocol, protocols, mode)
    if options.json:
        sys.stdout.write(json.dumps(table, indent=1) + "\n")
    else:
        title = f"{plan.name}, mode {mode}: the same replies under every protocol. The last columns: what the protocol's parser, "
        title += f"rounding, … alone would do to R1@0.5 and mIoU under {plan.protocol.name}."
        sys.stdout.write(f"{title}\n{tabulate(table, headers='keys', disable_numparse=True, stralign='right')}\n")
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


def predictions(plan: Plan, path: Path, options: Namespace, keep_texts: bool = False) -> Mapping[tuple[str, str], Record]:
    """Read a file row by row under the protocol's parser, and tell how it was read.

    A row without a mode answers every mode.

    Args:
        plan: What it may answer.
        path: The file.
        options: `reply_key` and `duplicates`.
        keep_texts: Whether records hold texts, and not what was read of them.

    Raises:
        InputError: The file is not one of the forms, or none of its rows matches a sample.
    """
    read, collected = parser(plan.protocol.answer), Collected(plan.modes, _rule(options, plan))
    for row in _rows(plan, path, options):
        collected.add(row, as_record(row, None if keep_texts else read))
    _write(collected.notes)
    records = collected.records
    said = [record.get("read") or read(record["text"]) for record in records.values() if "read" in record or "text" in record]
    if said and _reads_little(sum(1 for prediction in said if prediction.failure is None) / len(said)):
        _write(_hint(plan, (row.text for row in Predictions(path, plan.samples, options.reply_key) if row.text is not None)))
    return records


def _rule(options: Namespace, plan: Plan) -> str:
    """Which of several rows counts. Raises InputError where the official metrics would need the rows of a sample as one."""
    if options.duplicates == MEAN and plan.samples[0].truth.clips is not None:
        expected = "--duplicates first, last or refuse for a task with the official metrics of QVHighlights"
        raise InputError(expected, "mean, which is not defined for them", f"{USAGE} --duplicates last")
    return str(options.duplicates)


def _reads_little(share: float | None) -> bool:
    return share is not None and share < 0.5


def _hint(plan: Plan, texts: Iterable[str]) -> list[str]:
    """Which protocols read more of these replies."""
    own, others = most_readable(texts, plan.protocol)
    known = ", ".join(f"`{one.protocol.name}` reads {one.read:,}" for one in others)
    known = f"{known} (--protocol NAME; --all-protocols shows what each would score)" if known else "no protocol reads half"
    tried = f"{'the first ' if own.tried == TRIED else ''}{own.tried:,} replies"
    name, reader = own.protocol.name, own.protocol.answer.parser
    return [f"protocol {name} (parser `{reader}`) reads a span in {own.read:,} of {tried}; {known} (see {DOCUMENT})"]


def _rows(plan: Plan, path: Path, options: Namespace) -> Iterator[Row]:
    """Rows that answer a sample in a mode of the plan; at the end, tells of the other rows and of samples without a row.

    Of rows that match nothing only their number and the first few are kept, however many there are.
    """
    rows, counts, first = 0, Counter[str](), defaultdict[str, list[str]](list)
    answered: set[str] = set()
    file = Predictions(path, plan.samples, options.reply_key)
    for row in file:
        rows += 1
        if row.ids and row.mode in ("", *plan.modes):
            answered.update(row.ids)
            yield row
            continue
        kind = f"answer in another mode than {', '.join(plan.modes)}" if row.ids else "match no sample"
        counts[kind] += 1
        if counts[kind] <= SHOWN:
            first[kind].append(row.where)
    _write(file.notes)
    if not answered:
        places = "; ".join(f"{count} {kind}: {_few(count, first[kind])}" for kind, count in counts.items())
        found = f"{rows} rows in {path}, none of which names one{f' ({places})' if places else ''}"
        raise InputError(f"predictions for samples of {plan.name}", found, f"{USAGE} (see {DOCUMENT})")
    for kind, count in counts.items():
        _write([f"{count} of {rows} rows {kind}: {_few(count, first[kind])}"])
    if missing := [sample.id for sample in plan.samples if sample.id not in answered]:
        _write([f"{len(missing)} samples have no row: {_few(len(missing), missing[:SHOWN])}"])


def _few(count: int, examples: list[str]) -> str:
    return f"{', '.join(examples)}{' …' if count > len(examples) else ''}"


def _write(lines: Iterable[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _submission(options: Namespace, plan: Plan, path: Path) -> int:
    """The report of the official QVHighlights evaluator on a submission, under `--ids` on those of its rows."""
    found, parts = submission.read(path, plan.samples, plan.ids_sha256 is not None)
    scored = ranked = None
    if submission.WINDOWS in parts:
        scored = moments.moment_retrieval([moments.windows(p) for p in found], [s.truth.spans for s in plan.samples], "float")
    if SALIENCY in parts:
        ranked = highlights.highlight_detection(
            [[score for (score,) in p.clips or ()] for p in found], [s.truth.clips or () for s in plan.samples]
        )
    report = formats_qvh.report(scored, ranked)
    if scored is not None:
        report["brief"]["MR-full-mIoU"] = round(moments.means(scored)["MR-full-mIoU"], 2)
    if options.json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        title = f"{plan.name} v{plan.task.version} ({plan.split_sha256[:8]}), rules of the official evaluator, n {len(found)}"
        sys.stdout.write(f"{title}\n{tabulate(report['brief'].items(), headers=['metric', '%'], floatfmt='.2f')}\n")
    return 0
