"""Writes the figures that the docs show, from runs of the commands they name.

python docs/figures.py demo             # runs `harness demo`, puts its table and its board into docs/demo.md
python docs/figures.py board            # puts the board of the recorded runs into docs/demo.md
python docs/figures.py rewards          # times the rewards, writes tests/benchmarks/rewards.json
python docs/figures.py bench [TEST …]   # runs these benchmarks, or all, writes docs/measurements.md
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.store import write_json
from harness.synthetic.make import annotate

ROOT = Path(__file__).resolve().parent.parent
BOARD = ROOT / "docs" / "board"
SWEEP = "test_other_groups_and_prompts"


def demo() -> None:
    """Put the table of `harness demo` between the markers of docs/demo.md."""
    harness = Path(sys.executable).with_name("harness")
    shown = subprocess.run([harness, "demo"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    _replace("make demo", f"```\n{shown.rstrip()}\n```")
    _record(ROOT / "demo" / "experiment")
    board()


def board() -> None:
    """Put the board of `docs/board` between the markers of docs/demo.md."""
    _replace("make board", _board())


def _board() -> str:
    """The board as Markdown; trivial models and ceilings follow from the annotations of the synthetic benchmark."""
    with tempfile.TemporaryDirectory() as data:
        (folder := Path(data) / "synthetic").mkdir()
        annotate(folder)
        typed = [Path(sys.executable).with_name("harness"), "board", BOARD / "board.yaml", "--data-root", data]
        return subprocess.run(typed, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout.rstrip()


def _record(experiment: Path) -> None:
    """Copy the runs on test that an experiment in this folder made: without samples, and with paths from here."""
    shutil.rmtree(BOARD / "recorded", ignore_errors=True)
    for file in sorted(experiment.rglob("synthetic@test/run.json")):
        cell = file.relative_to(experiment).parts[:-3]
        if cell[0] == "rehearsal":
            continue
        name = "-".join([cell[0]] if len(cell) == 1 else [cell[2], cell[-1]])
        (folder := BOARD / "recorded" / name).mkdir(parents=True)
        (folder / "run.json").write_text(file.read_text(encoding="utf-8").replace(f"{ROOT}/", ""), encoding="utf-8")
        scores = json.loads(file.with_name("scores.json").read_text(encoding="utf-8"))
        for mode in scores["modes"].values():
            mode["samples"] = []
        write_json(folder / "scores.json", scores)


def _replace(marker: str, block: str) -> None:
    """Put text between two markers of docs/demo.md."""
    page = ROOT / "docs" / "demo.md"
    pattern = re.compile(rf"<!-- {marker} -->.*?<!-- end -->", flags=re.DOTALL)
    text = pattern.sub(lambda _: f"<!-- {marker} -->\n{block}\n<!-- end -->", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")


def bench(*chosen: str) -> None:
    """Run these benchmarks, or all, and write `docs/measurements.md` from the last run of every one."""
    results = ROOT / ".benchmarks" / "figures"
    if not chosen:
        shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True, exist_ok=True)
    options = ["--benchmark-enable", "--benchmark-only", f"--benchmark-json={results / f'{time.time():.0f}.json'}"]
    command = [sys.executable, "-m", "pytest", *(chosen or ["tests/benchmarks"]), *options]
    subprocess.run(command, cwd=ROOT, check=True)
    memory = results / "score_one_gigabyte.jsonl"
    if not memory.is_file():
        memory.write_text("".join(_one_gigabyte(form) for form in ("jsonl", "object")), encoding="utf-8")
    read = [json.loads(file.read_text(encoding="utf-8"))["benchmarks"] for file in sorted(results.glob("*.json"))]
    entries = list({entry["fullname"]: entry for found in read for entry in found}.values())
    sweep = [entry for entry in entries if entry["name"].startswith(SWEEP)]
    lines = [
        "# Measurements",
        "",
        "Written by `python docs/figures.py bench`; wall times are those of one machine, compare ratios.",
        f"Machine: {platform.machine()}, {_cpus()} CPU cores, no GPU, Python {platform.python_version()}.",
        "",
        "| benchmark | median | rounds | also measured |",
        "|---|---:|---:|---|",
        *(_row(entry) for entry in sorted(entries, key=lambda entry: entry["fullname"]) if entry not in sweep),
        "",
        "A group that shares its prompt against the prompt repeated for each reply, 20 tokens a reply, float32, one thread: how "
        "many times less processor time (`tests/benchmarks/test_training.py`).",
        "",
        "| family | replies | prompt tokens | loss pass | generation |",
        "|---|---:|---:|---:|---:|",
        *(_sweep(entry) for entry in sorted(sweep, key=_place)),
        "",
        "`harness score` on predictions for 17,031 samples, half of the bytes in rows that match none "
        "(`python tests/benchmarks/score_one_gigabyte.py`):",
        "",
        "| format | bytes | rows | peak memory | seconds |",
        "|---|---:|---:|---:|---:|",
        *(_memory(json.loads(line)) for line in memory.read_text(encoding="utf-8").splitlines()),
    ]
    (ROOT / "docs" / "measurements.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rewards() -> None:
    """Write `tests/benchmarks/rewards.json`: how many calls of the reference each reward takes."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--benchmark-enable", "--benchmark-only", f"--benchmark-json={folder}/found.json"]
        subprocess.run([sys.executable, "-m", "pytest", "tests/benchmarks/test_rewards.py", *options], cwd=ROOT, check=True)
        found = json.loads(Path(folder, "found.json").read_text(encoding="utf-8"))["benchmarks"]
    kept = ("group", "name", "fullname", "params", "param")
    entries = [
        {
            **{key: entry[key] for key in kept},
            "stats": {key: round(v, 3) if isinstance(v, float) else v for key, v in entry["stats"].items() if key != "data"},
        }
        for entry in found
    ]
    write_json(ROOT / "tests" / "benchmarks" / "rewards.json", {"machine_info": {}, "benchmarks": entries})


def _one_gigabyte(form: str) -> str:
    command = [sys.executable, "tests/benchmarks/score_one_gigabyte.py", "--form", form]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def _place(entry: dict[str, Any]) -> tuple[Any, ...]:
    values = entry["params"]
    return values["family"], values["tokens"], values["group"]


def _sweep(entry: dict[str, Any]) -> str:
    values, found = entry["params"], entry["extra_info"]
    ratios = f"{found['loss_ratio']:.1f} | {found['generation_ratio']:.1f}"
    return f"| {values['family']} | {values['group']} | {found['prompt_tokens']:,} | {ratios} |"


def _row(entry: dict[str, Any]) -> str:
    numbers = {key: value for key, value in entry["extra_info"].items() if isinstance(value, int | float) and value}
    extra = ", ".join(f"{key} {_value(value)}" for key, value in numbers.items())
    name = entry["name"].removeprefix("test_").replace("_", " ")
    taken = entry["stats"]["median"]
    shown = f"{taken:.1f} {entry['group']}" if entry["group"] else f"{1000 * taken:.1f} ms"
    return f"| {name} | {shown} | {entry['stats']['rounds']} | {extra} |"


def _memory(found: dict[str, Any]) -> str:
    return f"| {found['form']} | {found['bytes']:,} | {found['rows']:,} | {found['peak_mib']} MiB | {found['seconds']} |"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    commands = {"demo": demo, "board": board, "rewards": rewards, "bench": bench}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
