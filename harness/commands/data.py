"""`harness data`."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from harness import extras
from harness.arguments import given
from harness.data.check import TOLERANCE_S, askable, differences, extra_files, lengths, likely_unit, outside
from harness.data.fetch import fetch, item_is_there, wanted
from harness.data.notes import ambiguous_videos, chosen_videos, matched, missing_videos
from harness.paths import data_root
from harness.plan import Plan, listed, make_plan
from harness.synthetic import kinds, make
from tasks import task as tasks
from tasks.errors import Failure, InputError
from tasks.overlap import overlaps
from tasks.words import counted

SHOWN = 10


def main(options: Namespace) -> int:
    """Fetch annotations, check annotations and videos, or render the generated sets."""
    return {"check": _check, "fetch": _fetch, "make": _make}[options.action](options)


def _check(options: Namespace) -> int:
    """Say what is there, what is missing and what does not fit; files that cannot be read are bad input."""
    if not (names := options.name or options.tasks):
        raise InputError("a task, or a JSONL of your own", "none", "harness data check --task charades")
    named = [one for name in listed(names) for one in _every_split(name, options)]
    every_plan = [make_plan(**{**given(make_plan, options), "name": name}) for name in named]
    lengths_s = lengths(every_plan)
    for plan in every_plan:
        sys.stdout.write("".join(f"{line}\n" for line in _findings(plan, lengths_s)))
    for overlap in overlaps({plan.name: plan.samples for plan in every_plan}):
        sys.stdout.write(f"overlap: {overlap}\n")
    if extra := extra_files(every_plan):
        more = f" and {len(extra) - SHOWN:,} more" if len(extra) > SHOWN else ""
        first = ", ".join(map(str, extra[:SHOWN]))
        sys.stdout.write(f"{counted(len(extra), 'video file', 'belongs', 'belong')} to none of these tasks: {first}{more}\n")
    if lengths_s:
        checked = "the time of every frame was read, the first and the last picture were decoded"
        sys.stdout.write(f"{counted(len(lengths_s), 'video file')} checked: {checked}\n")
    if options.ids_out:
        _write_ids(Path(options.ids_out), every_plan, lengths_s)
    if broken := sum(1 for length in lengths_s.values() if isinstance(length, Failure)):
        raise InputError("videos that can be read", f"{broken} unreadable, listed above", "replace these files and check again")
    return 0


def _every_split(name: str, options: Namespace) -> list[str]:
    """A user's own data without the name of a split stand for all of theirs, of a benchmark for the one that papers report."""
    task_name, split = tasks.divide(name)
    root = data_root(options.data_root)
    task = None if split or options.split else tasks.find(task_name, root)
    return [f"{task_name}@{one}" for one in task.splits(root)] if task is not None and task.own_path else [name]


def _findings(plan: Plan, lengths_s: dict[Path, float | Failure]) -> Iterator[str]:
    videos = {sample.video for sample in plan.samples}
    trust = plan.task.splits(plan.data_root)[tasks.origin(plan.task, plan.split, plan.data_root)].trust()
    yield f"{plan.name}: annotations {trust}, {counted(len(videos), 'video')}, {counted(len(plan.samples), 'query')}"
    yield from missing_videos(plan) or [f"{plan.name}: all videos are there"]
    yield from ambiguous_videos(plan)
    yield from chosen_videos(plan)
    for path in sorted(set(plan.videos.values())):
        if isinstance(failure := lengths_s[path], Failure):
            yield f"{plan.name}: {path}: {failure.type}: {failure.message}"
    yield from _outside(plan, lengths_s)
    found = differences(plan, lengths_s)
    for video, annotated_s, file_s in found:
        yield f"{plan.name}: {video}: annotated to {annotated_s:.2f} s, the file ends at {file_s:.2f} s"
    if found:
        many = counted(len(found), "duration", "differs", "differ")
        yield f"{plan.name}: {many} from their files by more than {TOLERANCE_S:g} s"
    ready = askable(plan, lengths_s)
    shares = (_share(len({s.video for s in ready}), len(videos), "videos"), _share(len(ready), len(plan.samples), "queries"))
    yield f"{plan.name}: coverage {', '.join(shares)}"
    yield from matched(plan)


def _outside(plan: Plan, lengths_s: dict[Path, float | Failure]) -> Iterator[str]:
    """Moments that do not lie in their videos, and the unit in which they seem to be written."""
    found = outside(plan, lengths_s)
    for moments, event in zip(found, ("starts", "ends"), strict=True):
        for one in moments[:SHOWN]:
            span = f"[{one.moment.start_s}, {one.moment.end_s}]"
            late = f"the moment {event} {one.after_s:,.2f} s after the end of the video ({one.end_s:.2f} s)"
            yield f"{plan.name}: {one.sample.id} {span}: {late}"
    told = (("starts", "start"), "after the end"), (("ends", "end"), f"more than {TOLERANCE_S:g} s after the end")
    for moments, (verbs, words) in zip(found, told, strict=True):
        if moments:
            yield f"{plan.name}: {counted(len(moments), 'moment', *verbs)} {words} of their videos"
    if unit := likely_unit([*found[0], *found[1]]):
        yield f"{plan.name}: spans are seconds; these look like {unit}"


def _share(part: int, whole: int, what: str) -> str:
    return f"{part:,} of {whole:,} {what} ({100 * part / max(1, whole):.1f} %)"


def _write_ids(path: Path, every_plan: list[Plan], lengths_s: dict[Path, float | Failure]) -> None:
    """Ids that can be asked here, one a line, sorted: so `comm -12` of two sites' files is what both can score."""
    ids = sorted({sample.id for plan in every_plan for sample in askable(plan, lengths_s)})
    try:
        path.write_text("".join(f"{identifier}\n" for identifier in ids), encoding="utf-8")
    except OSError as error:
        raise InputError("a file that can be written", f"{path}: {error.strerror}", "--ids-out FILE") from error
    sys.stdout.write(f"{path}: {counted(len(ids), 'id')}\n")


def _fetch(options: Namespace) -> int:
    """Show the licence, then download what is not there yet."""
    root = data_root(options.data_root)
    for name in listed(options.tasks):
        task_name, split = tasks.divide(name)
        task = tasks.find(task_name, root)
        items = wanted(task, split, root, options.mirror)
        absent = [item for item in items if not item_is_there(item, root)]
        sys.stdout.write(f"{task.name}: licence: {task.licence}\n")
        for item in items:
            if item not in absent:
                sys.stdout.write(f"{root / item.path} is there\n")
            elif not options.offline:
                sys.stdout.write(f"{item.url}\n")
                sys.stdout.flush()
                fetch(item.url, root / item.path, item.sha256)
                sys.stdout.write(f"  -> {root / item.path} (sha256 {item.sha256[:8]})\n")
        if absent and options.offline:
            missing = "".join(f"\n          {root / item.path} (sha256 {item.sha256}, from {item.url})" for item in absent)
            raise InputError(
                f"the files of {name}, with --offline", f"missing or altered:{missing}", "place the files there by hand"
            )
    return 0


def _make(options: Namespace) -> int:
    root, folder = data_root(options.data_root), options.what
    if folder == "clock":
        if options.kinds != "moment":
            raise InputError("videos that are asked about, with --kinds", "clock", "harness data make --kinds all")
        with extras.needed("video"):
            from harness.synthetic.clock import make_clock

        make_clock(root)
    elif options.kinds == "all":
        kinds.make(root, options.seed)
        folder = kinds.FOLDER
    else:
        make.make(root, options.seed)
    sys.stdout.write(f"{root / folder}\n")
    return 0
