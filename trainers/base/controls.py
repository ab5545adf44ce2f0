"""Whether a base looks at the video and reads the query: python -m trainers.base.controls CHECKPOINT

300 drawn videos a line: as the benchmark has them; each with the frames of another of its length; in one colour, so that only the
shape word decides; in three colours, of which the query names one and no shape.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from tabulate import tabulate

from harness.models import hf
from harness.models.options import Options
from tasks import protocol
from trainers.base import exam
from trainers.base.curriculum import BENCHMARK, COLOUR_ONLY, ONE_COLOUR, Lesson
from trainers.base.train import STREAM

VIDEOS = 300


def swapped(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Each lesson with the frames of the next one of its length."""
    groups: dict[int, list[Lesson]] = {}
    for lesson in lessons:
        groups.setdefault(len(lesson.frames.time_s), []).append(lesson)
    return [lesson._replace(frames=group[index - 1].frames) for group in groups.values() for index, lesson in enumerate(group)]


def main(checkpoint: str) -> None:
    """Print a line of figures a control."""
    model = hf.load(checkpoint, protocol.load("synthetic"), Options(device="cpu"))
    plain, one, three = (
        exam.draw(np.random.default_rng([level, 2, STREAM]), VIDEOS, model, level)
        for level in (BENCHMARK, ONE_COLOUR, COLOUR_ONLY)
    )
    named = {"benchmark": plain, "videos swapped": swapped(plain), "one colour": one, "three colours, named alone": three}
    rows = [{"control": name, **exam.examine(model, videos)} for name, videos in named.items()]
    sys.stdout.write(f"{tabulate(rows, headers='keys', floatfmt='.1f')}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Whether a base looks at the video and reads the query.")
    parser.add_argument("checkpoint")
    main(parser.parse_args().checkpoint)
