"""ReXTime: questions with options whose answer lies at another time than what they name."""

from tasks.formats.choice import read_rextime
from tasks.task import Source, Split, Task

TASK = Task(
    name="rextime",
    title="ReXTime",
    published={"val": Split((Source({"rextime/rextime_val.json": None}, read_rextime),), videos=None, queries=921)},
    default_split="val",
    kinds=("choice", "moment"),
    video_folders=("rextime/videos", "videos/rextime", "activitynet/videos", "qvhighlights/videos", "videos"),
    obtain="hf download ReXTime/ReXTime rextime_val.json --repo-type=dataset --local-dir DATA_ROOT/rextime",
    licence="CC BY-NC-SA 4.0 (annotations)",
    homepage="https://github.com/ReXTime/ReXTime",
    citation="Chen et al., ReXTime: A Benchmark Suite for Reasoning-Across-Time in Videos, NeurIPS 2024 (arXiv 2406.19392)",
    notes=(
        "Files are supplied by the user: no published hash stands behind them.",
        "Videos of ActivityNet and QVHighlights. The file in the repository has no options; the test answers are on a server.",
        "The fields are those that public evaluators read, unverified.",
    ),
)
