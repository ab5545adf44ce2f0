"""Ego4D Natural Language Queries: questions about what the wearer of a camera did."""

from tasks.formats.ego4d import read_nlq
from tasks.task import Source, Split, Task

TASK = Task(
    name="ego4d-nlq",
    title="Ego4D Natural Language Queries",
    published={
        name: Split((Source({f"ego4d_nlq/nlq_{name}.json": None}, read_nlq),), videos=None, queries=None)
        for name in ("train", "val")
    },
    default_split="val",
    video_folders=("ego4d_nlq/clips", "ego4d/clips", "videos/ego4d", "videos"),
    obtain="ego4d --datasets annotations --benchmarks nlq (under the Ego4D licence agreement), then put v2's "
    "nlq_{train,val}.json into DATA_ROOT/ego4d_nlq",
    licence="Ego4D licence agreement",
    homepage="https://ego4d-data.org",
    citation="Grauman et al., Ego4D: Around the World in 3,000 Hours of Egocentric Video, CVPR 2022 (arXiv 2110.07058)",
    aliases=("ego4d_nlq",),
    notes=(
        "Files are supplied by the user: no published hash stands behind them.",
        "The video of a sample is the clip, CLIP_UID.mp4, and times count from its start; v1 and v2 have the same form.",
        "Some queries have no text and some windows no length; they are kept. Other evaluators leave out the former.",
    ),
)
