"""ActivityNet-CG: ActivityNet Captions divided again; see Charades-CG."""

from tasks.benchmarks import anet, charades_cg
from tasks.task import Source, Split, Task

SPLITS = ("train", "novel_composition", "novel_word", "test_trivial")

TASK = Task(
    name="anet-cg",
    title="ActivityNet-CG",
    published={name: Split((Source({f"anet_cg/{name}.json": None}),), None, None) for name in SPLITS},
    default_split="novel_composition",
    video_folders=anet.TASK.video_folders,
    obtain="place the files of the homepage (harness show anet-cg) as DATA_ROOT/anet_cg/SPLIT.json",
    licence=anet.TASK.licence,
    homepage=charades_cg.TASK.homepage,
    citation=charades_cg.TASK.citation,
    aliases=("anet_cg", "activitynet-cg"),
    notes=("Files are supplied by the user: no hash or count stands behind them.",),
)
