"""MomentSeeker: all moments of long videos that answer a query."""

from tasks.formats.rows import read_momentseeker
from tasks.task import Source, Split, Task

TASK = Task(
    name="momentseeker",
    title="MomentSeeker, text queries",
    published={
        "test": Split(
            (
                Source(
                    {"momentseeker/t2v.json": None, "momentseeker/durations.csv": None},
                    read_momentseeker,
                ),
            ),
            videos=None,
            queries=1000,
        )
    },
    default_split="test",
    protocol="tempr1",
    kinds=("union", "moment"),
    video_folders=("momentseeker/videos", "videos/momentseeker", "videos"),
    obtain="hf download avery00/MomentSeeker t2v.json --repo-type=dataset --local-dir DATA_ROOT/momentseeker, and write "
    "momentseeker/durations.csv with a header `video,seconds`, one line a video file",
    licence="CC BY-NC-SA 4.0, research only",
    homepage="https://github.com/yhy-2000/MomentSeeker",
    citation="Yuan et al., MomentSeeker: A Task-Oriented Benchmark For Long-Video Moment Retrieval (arXiv 2502.12558)",
    notes=(
        "Files are supplied by the user: no published hash stands behind them.",
        "No durations are published: you measure them on your video files, so split hashes differ where these differ.",
        "The fields are those that public evaluators read, unverified; queries with a picture or a video are not read.",
    ),
)
