"""Measures bases on encoded videos and puts the table into docs/base.md: the shipped weak one, then those of the named folders.

for seed in 0 1 2 3; do python -m trainers.base runs/base-$seed --seed $seed; done
harness data make --data-root data
python docs/base.py data runs/base-0 runs/base-1 runs/base-2 runs/base-3
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from harness.synthetic.make import encode
from harness.synthetic.scene import draw, plan
from trainers.base import WEAK
from trainers.base.curriculum import COLOUR_ONLY, ONE_COLOUR, Level, simplify
from trainers.base.train import RECORD

PAGE = Path(__file__).with_suffix(".md")
BEGIN, END = "<!-- docs/base.py -->", "<!-- end -->"
CONTROLS = {"one-colour": ONE_COLOUR, "colours-alone": COLOUR_ONLY}
"""Benchmarks in which one word of the question decides: the shape's, and the colour's."""
VIDEOS = 100
SPLITS = ("synthetic@test", "synthetic@dev", *(f"{name}.jsonl@all" for name in CONTROLS))
HEADERS = ("base", "learned at steps", "CPU s", "test", "95 %", "dev", "one colour", "colours alone", "parsed")


def make_control(folder: Path, name: str, level: Level) -> None:
    """The first scenes of `synthetic@test`, seed 0, with the looks of a level: encoded videos, and a file of their questions."""
    rows = []
    for index in range(VIDEOS):
        rng = np.random.default_rng([0, 2, index])
        scene = simplify(plan(rng), level, rng)
        encode(folder / f"{name}-{index}.mp4", draw(scene, rng))
        for event in scene.events:
            query = level.called.format(colour=event.colour, shape=event.shape)
            spans = [[event.start_s, event.end_s]]
            rows.append({"video": f"{name}-{index}", "duration": scene.duration_s, "query": query, "spans": spans})
    (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def measure(model: Path, data: Path, controls: Path) -> list[dict[str, Any]]:
    """The scores of a checkpoint on each of `SPLITS`, from `harness run`."""
    files = ",".join(str(controls / f"{name}.jsonl") for name in CONTROLS)
    asked = (
        ["synthetic@test,synthetic@dev", "--data-root", str(data)],
        [files, "--videos", str(controls), "--protocol", "synthetic"],
    )
    with tempfile.TemporaryDirectory() as output:
        for index, tasks in enumerate(asked):
            typed = ["run", "--model", str(model), "--tasks", *tasks, "--output", f"{output}/{index}"]
            subprocess.run([sys.executable, "-m", "harness", *typed], check=True, stdout=subprocess.DEVNULL)
        found = [json.loads(path.read_text(encoding="utf-8")) for path in Path(output).rglob("scores.json")]
    by_split = {f"{one['task']}@{one['split']}": one["modes"]["direct"] for one in found}
    return [by_split[split] for split in SPLITS]


def row(model: Path, scores: list[dict[str, Any]]) -> list[str]:
    """The cells of a checkpoint, from its record and its scores."""
    record = json.loads((model / RECORD).read_text(encoding="utf-8"))
    seed, weak = record["settings"]["seed"], record["settings"]["cooldown"] is not None
    steps = "" if weak else ", ".join(map(str, record["stages_learned_at_steps"]))
    test, dev, *controls = [f"{one['aggregate']['mIoU']:.2f} / {one['query_gap']:z.1f}" for one in scores]
    low, high = scores[0]["interval_95"]["mIoU"]
    between = "" if low is None else f"{low:.1f}-{high:.1f}"
    parsed, asked = (sum(one["counts"][key] for one in scores) for key in ("parsed", "answered"))
    name = "weak (shipped)" if weak else f"strong, seed {seed}"
    cost = f"{record['cpu_s']:.0f}" if "cpu_s" in record else ""
    return [name, steps, cost, test, between, dev, *controls, f"{parsed}/{asked}"]


def main(data: Path, *models: Path) -> None:
    """Replace the table of the page."""
    with tempfile.TemporaryDirectory() as folder:
        for name, level in CONTROLS.items():
            make_control(Path(folder), name, level)
        rows = [row(model, measure(model, data, Path(folder))) for model in (WEAK, *models)]
    table = tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True)
    pattern = re.compile(f"{BEGIN}.*?{END}", flags=re.DOTALL)
    text = pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
