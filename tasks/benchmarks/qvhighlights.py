"""QVHighlights: moments and highlights of web videos, several windows a query."""

from tasks.formats.qvhighlights import read_release
from tasks.task import Source, Split, Task, github


def _split(name: str, sha256: str, videos: int, queries: int) -> Split:
    published_as = name if name == "test_with_gt" else f"{name}_release"
    home = github("jayleicn/moment_detr", "b7e553ac3b", f"data/highlight_{published_as}.jsonl")
    return Split((Source({f"qvhighlights/{name}.jsonl": sha256}, read_release, (home,)),), videos, queries)


SPLITS = {
    "train": _split("train", "fd28404187468f57cf99242be2963127dc9b4aef26c7de3cb9469569801f2625", 7100, 7218),
    "val": _split("val", "f668a1eaea156ec5315e14718999cea043a8cf948d3cafbd8e8d655318c3cd02", 1519, 1550),
    "test": _split("test_with_gt", "bd50ec6bb5dd3f72571126ba5fdc7418efdd9219a9487984e483a02e2ce5d493", 1529, 1542),
}

TASK = Task(
    name="qvhighlights",
    title="QVHighlights",
    published=SPLITS,
    default_split="val",
    protocol="qvh-official",
    kinds=("windows", "union", "highlights", "moment"),
    video_folders=("qvhighlights/videos", "qvh/videos", "videos/qvhighlights", "videos"),
    obtain="harness data fetch --task qvhighlights",
    licence="CC BY-NC-SA 4.0 (annotations)",
    homepage="https://github.com/jayleicn/moment_detr",
    citation="Lei et al., QVHighlights: Detecting Moments and Highlights in Videos via Natural Language Queries, NeurIPS 2021"
    " (arXiv 2107.09609)",
    aliases=("qvh", "qvhighlights-mr"),
    notes=(
        "`test` is test_with_gt.jsonl, whose ground truth was released in 2026; test.jsonl has none.",
        "A third of the queries have several windows (up to 25). One perfect window a query reaches an mAP of 78.86 on val.",
        "`duration` is below the length in the video's name for 213 / 39 / 47 rows (train / val / test): `duration` counts.",
    ),
)
