"""TVGBench: 800 questions drawn from five benchmarks, some about a cut of a longer video."""

from tasks.formats.published import read_tvgbench
from tasks.task import Source, Split, Task, github

HOME = github("xiaomi-research/time-r1", "7f2b5944a0", "dataset/timer1/annotations/tvgbench.json")
FILES = {"tvgbench.json": "76df764c0c856a196e2900b5366c81c83478bbd03d117e3b2f23b5b6bfbc59a2"}

TASK = Task(
    name="tvgbench",
    title="TVGBench",
    published={"test": Split((Source(FILES, read_tvgbench, (HOME,)),), videos=462, queries=800)},
    default_split="test",
    video_folders=("tvgbench/videos", "tvgbench_data", "videos/tvgbench", "videos"),
    obtain="harness data fetch --task tvgbench",
    licence="Apache-2.0 (time-r1); drawn from Charades, ActivityNet, TACoS, Ego4D (own licence agreement) and HiREST",
    homepage="https://github.com/xiaomi-research/time-r1",
    citation="Wang et al., Time-R1: Post-Training Large Vision Language Model for Temporal Video Grounding (arXiv 2503.13377)",
    has_cuts=True,
    notes=(
        "252 rows ask about a cut of a longer file: duration and answer count from the start of the cut.",
        "11 answers have zero length (no prediction reaches IoU > 0); 27 end after the duration.",
        "Six ActivityNet rows carry a shifted moment; for three the cut ends after the real video.",
        "138 rows are from charades@test, 168 from anet@val_2, 168 from tacos@val.",
    ),
)
