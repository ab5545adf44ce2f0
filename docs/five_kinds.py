"""Writes docs/five-kinds.md from the finished experiment five-kinds, whichever way it fell.

harness data make --kinds all && python -m trainers.base runs/five --weak --kinds all
harness experiment five-kinds --jobs 2 && python docs/five_kinds.py experiments/five-kinds
"""

import json
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from harness import store
from harness.plan import Plan, make_plan
from leaderboards.compare.words import TOO_FEW, interval, signed
from leaderboards.trainings import TABLE, read
from tasks.parsers import reader

ROOT = Path(__file__).resolve().parent
STUDY: dict[str, Any] = runpy.run_path(str(ROOT / "study.py"))
COUNTED = "synthetic-instances@test"
HEAD = """# TempR1 in miniature

Written by `python docs/five_kinds.py`, from `harness experiment five-kinds`. TempR1's rewards train five kinds of question about
the same drawn videos. The weak base has less than a million weights and answers all five kinds of question. Tables 3 and 5 of
the paper leave out parts of the method, and so does this experiment. `moments` trains on one kind. `no-number` has no reward for
the number of spans, and `sequential` pairs the i-th predicted span with the i-th true span.
The page shows every result. Figures differ between processors; the same command on one machine gives the same numbers.

## Against the base

Points of each kind's main metric above the base, over the seeds, with 95 % intervals (`harness compare BASE SEED,SEED,SEED`).
"""


def compared(base: Path, seeds: Sequence[Path], root: str) -> tuple[str, float, str]:
    """Main metric of a split, the base's value, and by how much the seeds of a recipe differ from it."""
    typed = [Path(sys.executable).with_name("harness"), "compare", base, ",".join(map(str, seeds)), "--json", "--data-root", root]
    found = json.loads(subprocess.run(typed, check=True, text=True, stdout=subprocess.PIPE).stdout)["modes"]["direct"]
    one = found["comparisons"][0]["metrics"][found["main"]]
    shown = TOO_FEW if one["difference"] is None else f"{signed(one['difference'])} ({interval(one)})"
    return found["main"], found["systems"][0]["means"][found["main"]], shown


def apart(differences: Sequence[str]) -> str:
    """How many differences lie apart from 0 by their interval, in a sentence."""
    signs = [{bound[0] for bound in each.partition("(")[2].rstrip(")").split(" to ")} for each in differences]
    above, below = (sum(sign == {one} for sign in signs) for one in "+-")
    text = f"Of {len(signs)} differences from the base, {above} lie above 0 with their whole interval and {below} below."
    return text if above else f"{text}\nSo in this many steps no recipe is seen to improve any kind over the base."


def right_number(folders: Sequence[Path], plan: Plan) -> float:
    """Percent of replies with as many spans as are true."""
    read_reply, found = reader(plan.protocol), []
    for folder in folders:
        records = store.read_records(folder)
        for sample in plan.samples:
            said = read_reply(records[sample.id, "direct"]["text"], sample.duration_s).spans
            found.append(len(said) == len(sample.truth.spans))
    return 100 * float(np.mean(found))


def main(folder: Path, root: str) -> None:
    """Write the page. Raises SystemExit where the experiment is not finished."""
    if (experiment := read(folder)) is None:
        sys.exit(f"{folder} is no folder of a finished experiment\n{__doc__}")
    cells = experiment["cells"]
    seeds: dict[str, list[Path]] = {}
    for cell in cells:
        seeds.setdefault(cell["label"], []).append(folder / cell["folder"])
    rows, splits = [], list(dict.fromkeys(one["split"] for one in experiment["contrasts"]))
    for split in splits:
        base = folder / "base" / "runs" / split
        found = {label: compared(base, [each / "runs" / split for each in trained], root) for label, trained in seeds.items()}
        metric, value, _ = next(iter(found.values()))
        rows.append({"split": split, "metric": metric, "base": f"{value:.2f}", **{label: one[2] for label, one in found.items()}})
    said = apart([row[label] for row in rows for label in seeds])
    plan = make_plan(COUNTED, None, None, ("direct",), root)
    counts = {
        "base": [folder / "base" / "runs" / COUNTED],
        **{k: [each / "runs" / COUNTED for each in v] for k, v in seeds.items()},
    }
    counted = [{"model": label, "right number of spans": f"{right_number(runs, plan):.1f} %"} for label, runs in counts.items()]
    records = [json.loads((folder / cell["folder"] / "train.json").read_text(encoding="utf-8")) for cell in cells]
    parts = [
        HEAD,
        tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True),
        f"\n{said}\n\n## Number of spans on {COUNTED}\n",
    ]
    parts += [tabulate(counted, headers="keys", tablefmt="github", disable_numparse=True), "", STUDY["how"](experiment, records)]
    table = (folder / TABLE).read_text(encoding="utf-8").rstrip()
    text = "\n".join([*parts, "## Tables\n", f"```\n{table}\n```", ""])
    (ROOT / "five-kinds.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else "data")
