"""ActivityNet 1.3: all instances of an action class in a web video."""

from functools import partial

from tasks.benchmarks import anet
from tasks.formats.instances import read_activitynet
from tasks.task import Source, Split, Task, github

FILES = {
    "activitynet_1.3/anet_anno_action.json": "fa1433d2408f7985dd8f5914f292944794230ee2279633ad6013f16d7f9725e7",
    "activitynet_1.3/video_info_new.csv": "13086bc4e870e2be4e71895847f077e9a97566231c3ef429bf46881796235d92",
}
HOMES = tuple(
    github("JJBOY/BMN-Boundary-Matching-Network", "a92c1d79c1", path.replace("activitynet_1.3", "data/activitynet_annotations"))
    for path in FILES
)


def _split(subset: str, videos: int, queries: int) -> Split:
    return Split((Source(FILES, partial(read_activitynet, subset=subset), HOMES),), videos, queries)


SPLITS = {"train": _split("training", 9649, 9654), "val": _split("validation", 4728, 4734)}

TASK = Task(
    name="anet-tal",
    title="ActivityNet 1.3, temporal action localization",
    published=SPLITS,
    default_split="val",
    kinds=("instances",),
    video_folders=anet.TASK.video_folders,
    obtain="harness data fetch --task anet-tal",
    licence="MIT (the repository of BMN); the data set states none with these files",
    homepage="http://activity-net.org",
    citation="Caba Heilbron et al., ActivityNet: A Large-Scale Video Benchmark for Human Activity Understanding, CVPR 2015",
    aliases=("activitynet-1.3", "anet-1.3", "anet-localization"),
    notes=(
        "BMN's list, the usual subset with features: 14,859 and 7,293 instances of 200 classes. One question a video and class.",
        "9 and 3 instances (train, val) do not end after they start, 144 and 71 end after the video.",
        "4,689 videos of val are in anet@val_2: a model trained on one must not be tested on the other.",
    ),
)
