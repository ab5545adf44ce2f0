"""Writes docs/study.md and docs/study/trainings.svg from a finished experiment, whichever way it fell.

harness data make && harness experiment study --jobs 2 && python docs/study.py experiments/study
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from leaderboards.compare.words import TOO_FEW, interval, signed
from leaderboards.trainings import TABLE, read, trainings

ROOT = Path(__file__).resolve().parent
PAGE, FIGURE = ROOT / "study.md", ROOT / "study" / "trainings.svg"
FIRST = ("trained on", "asked on", "outcome", "verdict")
HEAD = """# The claims of TempSamp-R1 in miniature

Written by `python docs/study.py`, from `harness experiment study`. The contrasts stand in `trainers/experiments/study.yaml`,
where they were named before anything was trained. The paper finds the first of each pair better. Every sentence below follows
from the numbers by a fixed rule, and nothing is left out. A difference counts only if its p is below 0.05 after Holm's correction
over the contrasts of one table.
"""
LEGEND = """
Each cell: the difference in points of the main metric, its 95 % interval without correction, and the outcome.

![Trainings](study/trainings.svg)

Lines are means over seeds, bands one standard deviation; steps are averaged in blocks. The skewness of advantages is Fig. 3 of
the paper, the best IoU of a prompt Fig. 4. A recipe without replies of its own (SFT) has no line.
"""
LIMITS = """## What it does not show

The videos are drawn: three shapes on a plain ground, 64 x 64 pixels. The model has less than a million weights and answers
without a thought. The base was trained on every look; `unseen` are looks that training never asked for, although its videos show
them. So the study tests the method where all of it can be repeated within hours. The study says nothing of the levels that the
paper prints. Figures differ between processors; the same command on one machine gives the same numbers.
"""


def main(folder: Path) -> None:
    """Write the page and its figure. Raises SystemExit where the experiment is not finished."""
    if (experiment := read(folder)) is None:
        sys.exit(f"{folder} is no folder of a finished experiment\n{__doc__}")
    FIGURE.parent.mkdir(exist_ok=True)
    FIGURE.write_bytes(trainings(folder, experiment, "svg"))
    records = [json.loads((folder / cell["folder"] / "train.json").read_text(encoding="utf-8")) for cell in _all(experiment)]
    PAGE.write_text(page(experiment, records, (folder / TABLE).read_text(encoding="utf-8")), encoding="utf-8")


def page(experiment: Mapping[str, Any], records: Sequence[Mapping[str, Any]], table: str) -> str:
    """The page of an experiment, from its document, the records of all its trainings and its tables."""
    contrasts = experiment["contrasts"]
    places = list(dict.fromkeys((one["split"], one["trained_on"], one["mode"]) for one in contrasts))
    primary = [one for one in contrasts if _pair(one) == _pair(contrasts[0])]
    rows = [dict(zip(FIRST, (one["trained_on"], one["split"], outcome(one), one["verdict"]), strict=True)) for one in primary]
    parts = [HEAD, "## The primary contrast\n", _table(rows)]
    parts += ["\n## Every contrast\n", _outcomes(contrasts, places), ""]
    parts += [*(f"- {count(contrasts, place)}" for place in places), LEGEND]
    return "\n".join([*parts, how(experiment, records), LIMITS, "## Tables\n", f"```\n{table.rstrip()}\n```", ""])


def outcome(one: Mapping[str, Any]) -> str:
    """How a contrast fell, against what the paper finds."""
    if not one["differs"]:
        return "**Not decided.**" if one["p_holm"] is not None else f"**Not decided: {TOO_FEW}.**"
    return "**As in the paper.**" if one["difference"] > 0 else "**The opposite of the paper.**"


def count(contrasts: Sequence[Mapping[str, Any]], place: tuple[str, str, str]) -> str:
    """How many contrasts of one table fell which way."""
    here = [outcome(one) for one in contrasts if (one["split"], one["trained_on"], one["mode"]) == place]
    agree, opposite = (sum(text == f"**{said}.**" for text in here) for said in ("As in the paper", "The opposite of the paper"))
    undecided = len(here) - agree - opposite
    split, trained_on, mode = place
    head = f"{split}, trained on {trained_on}, mode {mode}: of {len(here)} contrasts {agree} fell as in the paper"
    return f"{head}, {opposite} the opposite way, {undecided} could not be decided."


def how(experiment: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> str:
    """What was run, where and for how long."""
    spec = experiment["spec"]
    hours = sum(session.get("seconds", 0.0) for record in records for session in record["sessions"]) / 3600
    environments = [session["environment"] for record in records for session in record["sessions"]]
    machines = {
        f"{each['machine']}, {each['cpus']} CPU cores, {_listed(each.get('gpus') or ['no GPU'])}" for each in environments
    }
    versions = {f"Python {each['python']}, torch {each['packages'].get('torch', 'unknown')}" for each in environments}
    commits = {str(each["commit"])[:8] + ("+changes" if each["dirty"] else "") for each in environments}
    grid = ", ".join(f"{key} of {_listed(values)}" for key, values in spec["grid"].items())
    chosen = f"The grid ({grid}) was chosen on {spec['dev']} with seeds {_listed(spec['grid_seeds'])}. " if grid else ""
    return (
        f"## How it was made\n\n`harness experiment {spec['name']}`: {len(records)} trainings, {hours:.1f} hours in all. "
        f"{chosen}The tables report seeds {_listed(spec['seeds'])}. Machine: {'; '.join(sorted(machines))}. "
        f"{'; '.join(sorted(versions))}; commit {', '.join(sorted(commits))}.\n"
    )


def _outcomes(contrasts: Sequence[Mapping[str, Any]], places: Sequence[tuple[str, str, str]]) -> str:
    rows = []
    for pair in dict.fromkeys(map(_pair, contrasts)):
        row = {"contrast": f"{pair[0]} - {pair[1]}"}
        for one in contrasts:
            if _pair(one) == pair:
                shown = f"{signed(one['difference'])} ({interval(one)})" if one["difference"] is not None else TOO_FEW
                row[_named((one["split"], one["trained_on"], one["mode"]), places)] = f"{shown} {outcome(one)}"
        rows.append(row)
    return _table(rows)


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    return str(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True))


def _named(place: tuple[str, str, str], places: Sequence[tuple[str, str, str]]) -> str:
    """A table by what tells it from the others."""
    varying = [i for i in range(3) if len({other[i] for other in places}) > 1] or [0]
    return ", ".join(place[i] for i in varying)


def _pair(one: Mapping[str, Any]) -> tuple[str, str]:
    return one["a"], one["b"]


def _all(experiment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Cells of the grid and those that are reported, each folder once."""
    return list({cell["folder"]: cell for cell in (*experiment["grid"], *experiment["cells"])}.values())


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
