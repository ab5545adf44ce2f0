"""Writes the figures that the README and the docs show, from runs of the commands they name.

python docs/figures.py demo             # runs `harness demo`, puts its table into README.md
python docs/figures.py bench            # runs the benchmarks, writes docs/measurements.md
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def demo() -> None:
    """Put the table of `harness demo` between the markers of the README."""
    harness = Path(sys.executable).with_name("harness")
    shown = subprocess.run([harness, "demo"], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    readme = ROOT / "README.md"
    block = f"<!-- make demo -->\n```\n{shown.rstrip()}\n```\n<!-- end -->"
    text = re.sub(r"<!-- make demo -->.*?<!-- end -->", lambda _: block, readme.read_text(), flags=re.DOTALL)
    readme.write_text(text)


def bench() -> None:
    """Write `docs/measurements.md` from one run of the benchmarks."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "bench.json"
        options = ["--benchmark-enable", "--benchmark-only", f"--benchmark-json={result}"]
        subprocess.run([sys.executable, "-m", "pytest", "tests/benchmarks", *options], cwd=ROOT, check=True)
        rows = sorted(json.loads(result.read_text())["benchmarks"], key=lambda entry: entry["fullname"])
    lines = [
        "# Measurements",
        "",
        "Written by `python docs/figures.py bench`; wall times are those of one machine, compare ratios.",
        f"Machine: {platform.machine()}, {_cpus()} CPU cores, no GPU, Python {platform.python_version()}.",
        "",
        "| benchmark | median | rounds | also measured |",
        "|---|---:|---:|---|",
        *(_row(entry) for entry in rows),
        "",
        "`harness score` on predictions for 17,031 samples, half of the bytes in rows that match none "
        "(`python tests/benchmarks/score_one_gigabyte.py`):",
        "",
        "| format | bytes | rows | peak memory | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    for form in ("jsonl", "object"):
        command = [sys.executable, "tests/benchmarks/score_one_gigabyte.py", "--form", form]
        shown = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
        lines += [_memory(json.loads(line)) for line in shown.splitlines()]
    (ROOT / "docs" / "measurements.md").write_text("\n".join(lines) + "\n")


def _row(entry: dict[str, Any]) -> str:
    numbers = {key: value for key, value in entry["extra_info"].items() if isinstance(value, int | float) and value}
    extra = ", ".join(f"{key} {_value(value)}" for key, value in numbers.items())
    name = entry["name"].removeprefix("test_").replace("_", " ")
    return f"| {name} | {1000 * entry['stats']['median']:.1f} ms | {entry['stats']['rounds']} | {extra} |"


def _memory(found: dict[str, Any]) -> str:
    return f"| {found['form']} | {found['bytes']:,} | {found['rows']:,} | {found['peak_mib']} MiB | {found['seconds']} |"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    commands = {"demo": demo, "bench": bench}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
