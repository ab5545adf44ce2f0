"""TimeRFT: the 2,500 training rows of Time-R1, drawn from six data sets by difficulty."""

from tasks.formats.rows import read_timerft
from tasks.task import Source, Split, Task, github

TRAIN = Split(
    (
        Source(
            {"timerft/train_2k5.json": "588dbb9171b05faf2c811d4951e78caac0bffc427f8a5ca0e37286f8d309a93c"},
            read_timerft,
            (github("xiaomi-research/time-r1", "7f2b5944a0", "dataset/timer1/annotations/train_2k5.json"),),
        ),
    ),
    videos=2475,
    queries=2500,
)

TASK = Task(
    name="timerft",
    title="TimeRFT",
    published={"train": TRAIN},
    default_split="train",
    video_folders=("timerft/videos", "timerft_data", "videos/timerft", "videos"),
    obtain="harness data fetch --task timerft",
    licence="Apache-2.0 (time-r1); drawn from YT-Temporal, DiDeMo, QuerYD, InternVid-VTime, HowTo100M and COSMO",
    homepage="https://github.com/xiaomi-research/time-r1",
    citation="Wang et al., Time-R1: Post-Training Large Vision Language Model for Temporal Video Grounding (arXiv 2503.13377)",
    notes=(
        "665 rows say where their file was cut from its source. Files are read whole, as Time-R1's trainer does.",
        "For 156 of these the name of the file does not tell the cut: that the file is cut is unverified.",
        "48 moments end after the duration.",
    ),
)
