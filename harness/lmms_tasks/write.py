"""Writes the YAML files that lmms-eval reads, one for each task and mode, into a folder named by what they say."""

import hashlib
import os
from pathlib import Path

from harness.models.chat import generation
from harness.paths import cache
from tasks import kinds, protocol
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.sample import one_query
from tasks.span import Span
from tasks.task import Task, all_tasks

STUB = {"stub.json": '[{"stub": "questions.docs puts the questions in its place"}]\n'}
FUNCTIONS = "!function harness.lmms_tasks.questions"


def files() -> dict[str, str]:
    """Content by file name, for the default split and protocol of every task.

    Tasks with cuts of longer files are left out: lmms-eval's models count time from the start of the file.
    """
    tasks = [task for task in all_tasks().values() if not task.has_cuts]
    rules = {task.name: protocol.load(task.protocol) for task in tasks}
    pages = [(task, rules[task.name], mode) for task in tasks for mode in rules[task.name].prompt.modes]
    return {f"{name(task, mode)}.yaml": page(task, rules, mode) for task, rules, mode in pages}


def name(task: Task, mode: str) -> str:
    """Name in lmms-eval: `harness_charades`, `harness_charades_cot`."""
    return "harness_" + (task.name if mode == "direct" else f"{task.name}_{mode}").replace("-", "_")


def metric_names(rules: Protocol) -> list[str]:
    """Names of the metrics under a protocol, as `harness score` gives them."""
    stub = one_query("", 2.0, "", [Span(0.0, 2.0)], clips=[[1.0]])
    return list(kinds.find(rules.kind).values([stub], [Answer()], rules))


def page(task: Task, rules: Protocol, mode: str) -> str:
    """The YAML of one task and mode."""
    lines = [
        "# Written by harness ls lmms-path",
        f"task: {name(task, mode)}",
        "dataset_path: json",
        f"dataset_name: {task.name} {mode}",
        "dataset_kwargs: {data_files: {test: stub.json}}",
        "test_split: test",
        f"process_docs: {FUNCTIONS}.docs",
        "output_type: generate_until",
        "doc_to_visual: video",
        "doc_to_text: question",
        "doc_to_target: targets",
        f"doc_to_messages: {FUNCTIONS}.chat",
        "num_fewshot: 0",
        "reasoning_tags: none",
        "generation_kwargs:",
        *(f"  {key}: {str(value).lower()}" for key, value in generation(rules.decoding).items()),
        f"process_results: {FUNCTIONS}.metrics",
        "metric_list:",
    ]
    for metric in metric_names(rules):
        lines += [f"  - metric: {metric}", f"    aggregation: {FUNCTIONS}.aggregate", "    higher_is_better: true"]
    lines += ["metadata:", f"  version: {task.version}", f"  protocol: {rules.name} {rules.sha256[:8]}"]
    return "\n".join(lines) + "\n"


def folder() -> Path:
    """The folder with the files, in which those that are not there are written. Raises InputError if they cannot be."""
    pages = STUB | files()
    digest = hashlib.sha256("\n".join(pages.values()).encode()).hexdigest()
    place = cache() / "lmms_tasks" / digest[:12]
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file, text in pages.items():
            if not (place / file).is_file():
                whole = place / f".{file}.{os.getpid()}"
                whole.write_text(text, encoding="utf-8")
                whole.replace(place / file)
    except OSError as error:
        found = f"{place}: {error.strerror}"
        raise InputError("a cache folder that can be written", found, "export XDG_CACHE_HOME=DIR") from error
    return place
