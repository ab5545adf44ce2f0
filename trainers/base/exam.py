"""How well a model grounds: videos it has not seen, asked and scored the way `harness run` does it."""

from collections.abc import Sequence

import numpy as np

from harness.frames import Job
from harness.models.base import Question
from harness.models.hf import HfModel
from harness.run import answer_job
from harness.scoring import score
from tasks.sample import make_samples, one_query
from tasks.span import Span
from trainers.base.curriculum import BENCHMARK, Lesson, lessons

MODE = "direct"


def draw(rng: np.random.Generator, count: int, model: HfModel, level: int = BENCHMARK) -> list[Lesson]:
    """Videos of one level, by default as the benchmark has them, of all lengths."""
    video = model.protocol.video
    return [lessons(rng, 1, {level: 1.0}, video, model.pixel_factor)[0] for _ in range(count)]


def examine(model: HfModel, videos: Sequence[Lesson]) -> dict[str, float]:
    """mIoU and R1@0.7 in percent, the query gap in points of mIoU, and the percentage of replies that were read."""
    rows = [
        one_query(str(number), float(len(video.frames.time_s)), query, (Span(float(event.start_s), float(event.end_s)),))
        for number, video in enumerate(videos)
        for query, event in zip(video.queries, video.events, strict=True)
    ]
    questions = [Question(sample, MODE, model.protocol.question(sample, MODE)) for sample in make_samples("base", rows)]
    records = []
    for number, video in enumerate(videos):
        asked = [question for question in questions if question.sample.video == str(number)]
        records += answer_job(model, Job(str(number), None, None, asked), video.frames)
    found = {(record["id"], record["mode"]): record for record in records}
    scores = score([question.sample for question in questions], found, model.protocol, [MODE])["modes"][MODE]
    means, counts = scores["aggregate"], scores["counts"]
    parsed = 100 * counts["parsed"] / counts["answered"]
    return {"mIoU": means["mIoU"], "R1@0.7": means["R1@0.7"], "query_gap": scores["query_gap"], "parsed": parsed}
