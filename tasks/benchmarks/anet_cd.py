"""ActivityNet-CD: ActivityNet Captions divided again; see Charades-CD."""

from tasks.benchmarks import anet, charades_cd
from tasks.task import Source, Split, Task

SPLITS = ("train", "val", "test_iid", "test_ood")

TASK = Task(
    name="anet-cd",
    title="ActivityNet-CD",
    published={name: Split((Source({f"anet_cd/{name}.json": None}),), None, None) for name in SPLITS},
    default_split="test_ood",
    video_folders=anet.TASK.video_folders,
    obtain="place the files of the homepage (harness show anet-cd) as DATA_ROOT/anet_cd/SPLIT.json",
    licence=anet.TASK.licence,
    homepage=charades_cd.TASK.homepage,
    citation=charades_cd.TASK.citation,
    aliases=("anet_cd", "activitynet-cd"),
    notes=(
        "Files are supplied by the user: no hash or count stands behind them.",
        "The paper counts 51,415 / 3,521 / 3,443 / 13,578 queries in train / val / test_iid / test_ood.",
        "Mixes anet@train, val_1 and val_2: do not combine a model trained on one division with tests of the other.",
    ),
)
