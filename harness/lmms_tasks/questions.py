"""What lmms-eval calls for our tasks: questions and numbers come from the harness, nothing is parsed or averaged here."""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import datasets

from harness.data.notes import missing_videos
from harness.lmms_tasks.write import metric_names
from harness.models import lmms_reader
from harness.models.chat import messages
from harness.paths import data_root
from harness.plan import Plan, make_plan
from harness.scores import score, seconds
from harness.video.failure import DecodeError
from harness.video.times import frame_times
from tasks.errors import InputError

Item = dict[str, str]


def docs(stub: datasets.Dataset) -> datasets.Dataset:
    """The questions of a task whose video can be read, in the order of the split; `charades direct`, the stub's name, says which.

    lmms-eval stops at the first video it cannot read. Those are left out here, and count as 0 in `aggregate`. Model classes that
    read through qwen_vl_utils get the reader of this project, see `harness.models.lmms_reader`.
    """
    try:
        plan = _plan(stub.config_name)
        asked = _asked(stub.config_name)
        if not asked:
            raise InputError(f"videos of {plan.name}", "none that can be read", f"harness data check --task {plan.typed}")
        if (reader := lmms_reader.install()) is not None:
            sys.stderr.write(f"{plan.name}: qwen_vl_utils reads video by {reader.name}\n")
    except InputError as error:
        # lmms-eval tries again after an exception, prints it and exits with 0.
        sys.stderr.write(f"harness: bad input\n{error}\n")
        raise SystemExit(2) from error
    sys.stderr.write("".join(f"{note}\n" for note in missing_videos(plan)))
    rows = [
        {
            "plan": stub.config_name,
            "id": sample.id,
            "video": str(plan.videos[sample.video]),
            "question": plan.protocol.question(sample, plan.modes[0]),
            "targets": str(seconds(sample.truth.spans)),
        }
        for sample in plan.samples
        if sample.id in asked
    ]
    return datasets.Dataset.from_list(rows)


def chat(doc: Item) -> list[dict[str, Any]]:
    """The messages of one question, for models with a chat template."""
    return messages(_plan(doc["plan"]).protocol.prompt, {"type": "video", "url": doc["video"]}, doc["question"])


def metrics(doc: Item, replies: Sequence[str]) -> dict[str, Any]:
    """The reply to one question under the name of every metric; `aggregate` gets them metric by metric.

    `id` and `mode` stand beside them for the log of samples, so that `harness score` can read it.
    """
    reply, plan = {"plan": doc["plan"], "id": doc["id"], "text": replies[0]}, _plan(doc["plan"])
    named = {name: {"metric": name, **reply} for name in metric_names(plan.protocol)}
    return {"id": doc["id"], "mode": plan.modes[0], **named}


def aggregate(items: Sequence[Item]) -> float:
    """One metric in percent, over the whole split: what was not asked scores 0. Under --limit, over what was asked."""
    plan = _plan(items[0]["plan"])
    mode = plan.modes[0]
    records = {(item["id"], mode): {"error": None, "text": item["text"]} for item in items}
    limited = len(records) < len(_asked(items[0]["plan"]))
    samples = [sample for sample in plan.samples if (sample.id, mode) in records] if limited else plan.samples
    entry = score(samples, records, plan.protocol, plan.modes)["modes"][mode]
    value = entry["aggregate"][items[0]["metric"]]
    return float("nan") if value is None else float(value)


@cache
def _plan(name: str) -> Plan:
    task, mode = name.split(" ")
    plan = make_plan(task, None, None, (mode,), data_root(None))
    if any(sample.clip for sample in plan.samples):
        raise InputError("a task whose videos are whole files", f"cuts of longer files in {plan.name}", "harness run --task …")
    return plan


@cache
def _asked(name: str) -> frozenset[str]:
    plan, readable = _plan(name), set()
    for key, path in plan.videos.items():
        try:
            frame_times(path)
            readable.add(key)
        except DecodeError as error:
            sys.stderr.write(f"{plan.name}: {path.name} cannot be read, its queries score 0: {error}\n")
    return frozenset(sample.id for sample in plan.samples if sample.video in readable)
