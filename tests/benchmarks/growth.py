"""How time and memory of scoring, and of a whole run, grow with videos, questions a video and spans a reply.

    python tests/benchmarks/growth.py [--write]

Each number of the table is the power of the size by which seconds or the peak of allocated memory grow, fitted over the three
largest of five sizes: 1 is linear. Above `MOST` the script fails.
"""

import json
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from ratios import arguments, exponent, show, table

from harness.models.replay import ReplayModel
from harness.plan import make_plan
from harness.run import run
from harness.scores import score
from tasks import protocol
from tasks.answer import Answer
from tasks.sample import Sample, make_samples
from tasks.say import say
from tasks.span import Span

MOST = 1.15
AXES = {
    "videos": (10, 30, 100, 300, 1_000),
    "questions a video": (1, 4, 64, 128, 256),
    "spans a reply": (1, 4, 16, 64, 256),
}
USUAL = {"videos": 5, "questions a video": 4, "spans a reply": 3}
PROTOCOLS = {
    "one moment": "default",
    "a set of moments": "tempr1-union",
    "all instances": "default-instances",
    "windows and highlights": "qvh-official",
    "an option with evidence": "default-choice",
    "retrieval": "vue-tr",
}
DURATION_S = 150.0
TEXT = """A cell is the power of the size by which processor time and peak memory grow, over the three largest sizes: 1 is linear.
Sizes go up to {}."""


def spans(draw: random.Random, many: int) -> tuple[Span, ...]:
    """Random moments, to a tenth of a second."""
    starts = [draw.randrange(0, 1_300) / 10 for _ in range(many)]
    return tuple(Span(start, round(start + draw.randrange(10, 200) / 10, 1)) for start in starts)


def questions(size: dict[str, int]) -> list[Sample]:
    """Samples with three true moments, an option and labels of clips, so that every protocol can ask them."""
    draw = random.Random(0)
    clips = tuple((float(draw.randrange(5)),) * 3 for _ in range(75))
    rows = []
    for video, number in ((v, q) for v in range(size["videos"]) for q in range(size["questions a video"])):
        truth = Answer(spans(draw, 3), option="A", clips=clips)
        names = {"video": f"v{video:05d}", "queries": (f"thing {number}",), "options": tuple("abcde")}
        rows.append(Sample(duration_s=DURATION_S, truth=truth, **names))
    return make_samples("made", rows)


def scoring(name: str, size: dict[str, int], folder: Path) -> Callable[[], Any]:
    """Reading and scoring a reply to every question."""
    del folder
    rules, samples, draw = protocol.load(name), questions(size), random.Random(1)
    records = {}
    for sample in samples:
        text = say(Answer(spans(draw, size["spans a reply"]), option=draw.choice("ABCDE")), sample, rules)
        records[sample.id, "direct"] = {"id": sample.id, "mode": "direct", "text": text, "error": None, "tokens": None}
    return lambda: score(samples, records, rules, ("direct",))


def running(name: str, size: dict[str, int], folder: Path) -> Callable[[], Any]:
    """`harness run` on recorded replies: annotations read, questions asked, records written, scores."""
    draw, content, rows = random.Random(1), {}, []
    for video in range(size["videos"]):
        key, asked = f"v{video:05d}", [f"thing {number}" for number in range(size["questions a video"])]
        content[key] = {"duration": DURATION_S, "timestamps": [*map(list, spans(draw, len(asked)))], "sentences": asked}
        for query in asked:
            said = " and ".join(f"{start} to {end}" for start, end in spans(draw, size["spans a reply"]))
            rows.append({"video": key, "query": query, "text": f"<answer>{said}</answer>"})
    (data := folder / "synthetic").mkdir(parents=True)
    (data / "test.json").write_text(json.dumps(content))
    split = {"file": "test.json", "sha256": None, "videos": len(content), "queries": len(rows)}
    (data / "manifest.json").write_text(json.dumps({"splits": {"test": split}}))
    (replies := folder / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    turns = count()

    def whole_run() -> Any:
        plan = make_plan("synthetic", None, name, ("direct",), folder)
        model = ReplayModel(replies, plan.samples)
        return run(plan, folder / f"run{next(turns)}", lambda: model, lambda _: sys.exit("no video is needed"))

    return whole_run


def grown(
    make: Callable[..., Callable[[], Any]], name: str, axis: str, sizes: tuple[int, ...], rounds: int
) -> tuple[float, float]:
    """Powers by which the time and the memory of a piece of work grow along an axis, over its three largest sizes."""
    taken, peaks = [], []
    for size in sizes[-3:]:
        with tempfile.TemporaryDirectory() as folder:
            work = make(name, {**USUAL, axis: size}, Path(folder))
            best = min(_seconds(work) for _ in range(rounds))
            tracemalloc.start()
            work()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            taken.append(best)
            sys.stderr.write(f"{name}, {axis}, {size}: {best:.3f} s, {peaks[-1] / 2**20:.1f} MiB\n")
    return exponent(sizes[-3:], taken), exponent(sizes[-3:], peaks)


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    works = {f"scoring, {title}": (scoring, name) for title, name in PROTOCOLS.items()}
    works["a run on recorded replies"] = (running, "default")
    rows, wrong = [], []
    for title, (make, name) in works.items():
        cells = []
        for axis, sizes in AXES.items():
            few, rounds = (tuple(max(1, size // 40) for size in sizes), 1) if options.tiny else (sizes, 5)
            found = grown(make, name, axis, few, rounds)
            cells.append(f"{found[0]:.2f} / {found[1]:.2f}")
            wrong += [f"{title}, {axis}: {cells[-1]}"] if max(found) > MOST else []
        rows.append((title, *cells))
    shown = table(("work (time / memory)", *AXES), rows)
    largest = ", ".join(f"{sizes[-1]:,} {axis}" for axis, sizes in AXES.items())
    show("growth", "Growth", f"{TEXT.format(largest)}\n\n{shown}", options.write, "scipy")
    if wrong and not options.tiny:
        sys.exit("worse than linear:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
