"""HACS Segments: all instances of an action class in a web video, the rows that MUSEG trains on."""

from functools import partial

from tasks.formats.instances import read_museg_training
from tasks.task import Source, Split, Task, github

TASK = Task(
    name="hacs-tal",
    title="HACS Segments, the rows that MUSEG trains on",
    published={
        "train": Split(
            (
                Source(
                    {"hacs_tal/stage_1.jsonl": None, "hacs_tal/stage_2.jsonl": None},
                    partial(read_museg_training, folder="hacs"),
                ),
            ),
            videos=None,
            queries=4966,
        )
    },
    default_split="train",
    kinds=("instances",),
    video_folders=("hacs_tal/videos", "hacs/videos", "videos/hacs", "videos"),
    obtain=f"save {github('THUNLP-MT/MUSEG', '889565e78b', 'data/train/stage_1.jsonl')} and stage_2.jsonl in DATA_ROOT/hacs_tal",
    licence="none stated with the annotations",
    homepage="https://github.com/THUNLP-MT/MUSEG",
    citation="Zhao et al., HACS: Human Action Clips and Segments Dataset for Recognition and Temporal Localization, ICCV 2019",
    aliases=("hacs",),
    notes=(
        "Files are supplied by the user: no published hash stands behind them.",
        "Of MUSEG's two files only rows of task `tal` whose video lies in a folder `hacs`: 2,222 and 2,744.",
        "HACS itself is larger (37.6K training videos); its own files are not read.",
    ),
)
