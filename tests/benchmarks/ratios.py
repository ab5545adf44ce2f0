"""What the scripts beside this file share: how two ways are timed, and how their table comes into docs/measurements.md."""

import argparse
import dataclasses
import math
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tabulate import tabulate

from tasks import protocol
from tasks.protocol import Protocol

PAGE = Path(__file__).resolve().parents[2] / "docs" / "measurements.md"
HEAD = """# Measurements

Every figure is a ratio: one process runs two ways in turn and measures both. Times are processor time of one thread, unless the
section says wall time. The command below each section writes the section.
"""


def arguments(text: str, what: str) -> argparse.Namespace:
    """The command line of a script: `--write` puts its table into the page, `--tiny` measures sizes of a test."""
    parser = argparse.ArgumentParser(description=text.strip().splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"put {what} into docs/measurements.md")
    parser.add_argument("--tiny", action="store_true", help="sizes of a test, which say nothing of speed")
    return parser.parse_args()


def seconds(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median processor time of each way, one after the other in each of these rounds, after a round that warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            begin = time.process_time()
            way()
            if turn or not rounds:
                taken[name].append(time.process_time() - begin)
    return {name: statistics.median(values) for name, values in taken.items()}


def make_protocol(new_tokens: int) -> Protocol:
    """The default protocol with a fixed length of replies."""
    default = protocol.load("default")
    return dataclasses.replace(default, decoding=dataclasses.replace(default.decoding, max_new_tokens=new_tokens))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of the size by which values grow, by least squares of logarithms: 1 is linear.

    >>> round(exponent([10, 100, 1000], [3, 30, 300]), 6)
    1.0
    """
    x, y = ([math.log(value) for value in row] for row in (sizes, values))
    return statistics.linear_regression(x, y).slope


def machine(*packages: str) -> str:
    """The machine in words, and the releases of packages."""
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    releases = [f"Python {platform.python_version()}", *(f"{name} {release(name)}" for name in packages)]
    return f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else platform.machine()}, no GPU; {', '.join(releases)}"


def release(package: str) -> str:
    """The installed version of a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as Markdown."""
    return tabulate([[str(value) for value in row] for row in rows], headers, tablefmt="github", disable_numparse=True)


def show(name: str, title: str, text: str, write: bool, *packages: str) -> None:
    """Print a section and, with `write`, put it between its markers in the page; a new one goes to the end."""
    told = f"`python tests/benchmarks/{name}.py --write`, on {machine('numpy', *packages)}."
    section = f"## {title}\n\n{text.strip()}\n\n{told}"
    sys.stdout.write(section + "\n")
    if write:
        page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else HEAD
        block = f"<!-- {name} -->\n{section}\n<!-- end -->"
        written, found = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: block, page, flags=re.DOTALL)
        PAGE.write_text(written if found else f"{page.rstrip()}\n\n{block}\n", encoding="utf-8")
