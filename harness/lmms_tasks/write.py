"""Writes the YAML files: one for each task and mode. `python -m harness.lmms_tasks.write`, after a task or protocol changed."""

from pathlib import Path

from harness.lmms_tasks.chat import generation
from tasks import kinds, protocol
from tasks.answer import Answer
from tasks.protocol import Protocol
from tasks.sample import one_query
from tasks.span import Span
from tasks.task import Task, all_tasks

FOLDER = Path(__file__).parent
CUTS = ("tvgbench",)
"""Tasks with cuts of longer files, for which lmms-eval's models count time from the start of the file."""

FUNCTIONS = "!function harness.lmms_tasks.questions"


def files() -> dict[str, str]:
    """Content by file name, for the default split and protocol of every task."""
    tasks = [task for task in all_tasks().values() if task.name not in CUTS]
    rules = {task.name: protocol.load(task.protocol) for task in tasks}
    pages = [(task, rules[task.name], mode) for task in tasks for mode in rules[task.name].prompt.modes]
    return {f"{name(task, mode)}.yaml": page(task, rules, mode) for task, rules, mode in pages}


def name(task: Task, mode: str) -> str:
    """Name in lmms-eval: `harness_charades`, `harness_charades_cot`."""
    return "harness_" + (task.name if mode == "direct" else f"{task.name}_{mode}").replace("-", "_")


def page(task: Task, rules: Protocol, mode: str) -> str:
    """The YAML of one task and mode."""
    stub = one_query("", 2.0, "", [Span(0.0, 2.0)], clips=[[1.0]])
    metrics = kinds.find(rules.kind).values([stub], [Answer()], rules)
    lines = [
        "# Written by python -m harness.lmms_tasks.write",
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
    for metric in metrics:
        lines += [f"  - metric: {metric}", f"    aggregation: {FUNCTIONS}.aggregate", "    higher_is_better: true"]
    lines += ["metadata:", f"  version: {task.version}", f"  protocol: {rules.name} {rules.sha256[:8]}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write every file, and remove those of tasks that are gone."""
    pages = files()
    for path in FOLDER.glob("*.yaml"):
        if path.name not in pages:
            path.unlink()
    for file, text in pages.items():
        (FOLDER / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
