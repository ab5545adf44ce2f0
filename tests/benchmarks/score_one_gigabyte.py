"""Peak memory and time of `harness score` on 1 GB of predictions, beside those on a hundredth of it.

    python tests/benchmarks/score_one_gigabyte.py [--write]

Half of the bytes are long replies to the 17,031 samples of a made benchmark, over and over; the other half are short rows
that match no sample, millions of them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from ratios import arguments, show, table

VIDEOS, QUERIES = 4_885, 17_031
REPLY = "<think>" + "The person walks in, sits down and opens a book. " * 40 + "</think><answer>{} to {}</answer>"


def make_benchmark(root: Path) -> list[tuple[str, str]]:
    """Annotations in the form of `synthetic`; returns video and query of each sample."""
    queries = [(f"v{i % VIDEOS:05d}", f"thing {i}") for i in range(QUERIES)]
    videos: dict[str, Any] = {}
    for video, query in queries:
        entry = videos.setdefault(video, {"duration": 120.5, "timestamps": [], "sentences": []})
        entry["timestamps"].append([10.5, 42.25])
        entry["sentences"].append(query)
    (root / "synthetic").mkdir(parents=True)
    (root / "synthetic" / "test.json").write_text(json.dumps(videos))
    split = {"file": "test.json", "sha256": None, "videos": VIDEOS, "queries": QUERIES}
    (root / "synthetic" / "manifest.json").write_text(json.dumps({"splits": {"test": split}}))
    return queries


def entries(queries: list[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Video, query and text without end; a stranger follows until as many bytes went to strangers as to replies."""
    owed, number = 0, 0
    for turn, (video, query) in enumerate(cycle(queries)):
        text = REPLY.format(turn % 50, turn % 50 + 30)
        yield video, query, text
        owed += len(text)
        while owed > 0:
            yield "elsewhere", f"nobody asked this {number}", "1 to 2"
            owed, number = owed - 80, number + 1


def write(path: Path, size: int, form: str, queries: list[tuple[str, str]]) -> int:
    """Write a file of about `size` bytes; returns the number of its rows."""
    rows = written = 0
    with path.open("w", encoding="utf-8") as file:
        for video, query, text in entries(queries):
            if form == "object":
                start = ",\n" if rows else "{"
                written += file.write(f"{start}{json.dumps(f'{video}>>>{query}>>>[10.5, 42.25]')}: {json.dumps(text)}")
            else:
                written += file.write(json.dumps({"video": video, "query": query, "text": text}) + "\n")
            rows += 1
            if written >= size:
                break
        file.write("}" if form == "object" else "")
    return rows


def measure(root: Path, path: Path) -> dict[str, float]:
    """Seconds and peak resident memory of one `harness score`."""
    command = [
        str(Path(sys.executable).with_name("harness")),
        "score",
        str(path),
        "--task",
        "synthetic",
        "--data-root",
        str(root),
    ]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"harness score ended with status {status}")
    return {"seconds": round(time.perf_counter() - started, 1), "peak_mib": round(usage.ru_maxrss / 1024, 1)}


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    size = 10**6 if options.tiny else 10**9
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root, path = Path(folder) / "data", Path(folder) / "predictions"
        queries = make_benchmark(root)
        for form in ("jsonl", "object"):
            found = []
            for part in (size // 100, size):
                lines = write(path, part, form, queries)
                found.append({**measure(root, path), "rows": lines})
            few, many = found
            growth = (many["peak_mib"] / few["peak_mib"], many["seconds"] / few["seconds"])
            rows.append((form, f"{few['rows']:,} to {many['rows']:,}", f"{growth[0]:.2f}", f"{growth[1]:.0f}"))
    shown = table(("form", "rows", "times the memory", "times the seconds"), rows)
    text = f"`harness score` read a hundred times the bytes ({size // 100:,} to {size:,}), half of them in rows of no sample."
    show("score_one_gigabyte", "Predictions of a gigabyte", f"{text}\n\n{shown}", options.write)


if __name__ == "__main__":
    main()
