"""Writes the figures that the docs show, from runs of the commands they name.

python docs/figures.py demo             # runs `harness demo`, puts its table and its board into docs/demo.md
python docs/figures.py board            # puts the board of the recorded runs into docs/demo.md
python docs/figures.py rewards          # times the rewards, writes tests/benchmarks/rewards.json
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.store import write_json
from harness.synthetic.make import annotate
from trainers.cells import REHEARSAL

ROOT = Path(__file__).resolve().parent.parent
BOARD = ROOT / "docs" / "board"


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
        if cell[0] == REHEARSAL:
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


if __name__ == "__main__":
    commands = {"demo": demo, "board": board, "rewards": rewards}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
