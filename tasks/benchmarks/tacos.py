"""TACoS: long cooking videos, many sentences each; the 2D-TAN division."""

from collections.abc import Mapping
from pathlib import Path

from tasks.formats.published import read_frames_json
from tasks.task import Source, Split, Task, github


def _splits(_: Path) -> Mapping[str, Split]:
    def split(name: str, sha256: str, videos: int, queries: int) -> Split:
        home = github("microsoft/2D-TAN", "2f7410f0de", f"data/TACoS/{name}.json")
        return Split((Source({f"tacos/{name}.json": sha256}, read_frames_json, (home,)),), videos, queries)

    return {
        "train": split("train", "ee5e1527885122f0d3cf1dbfcf0efb0de0c54f8290937fe3ff8b5844742112e9", 75, 9790),
        "val": split("val", "f8f350e5727e8c0ab3ca2a5d4df93027dcd0546aebe8e2087ae220c850db59fe", 27, 4436),
        "test": split("test", "1c64c8a5ada2b812ee7e230d1577139c5ee8e1e5d9ae2141479c980a0c3fb847", 25, 4001),
    }


TASK = Task(
    name="tacos",
    version=1,
    title="TACoS",
    splits=_splits,
    default_split="test",
    protocol="default",
    video_folders=("tacos/videos", "videos/tacos", "videos"),
    obtain="harness data fetch --task tacos",
    licence="none stated with the annotations",
    homepage="https://github.com/microsoft/2D-TAN",
    citation="Regneri et al., Grounding Action Descriptions in Videos, TACL 2013",
    notes=(
        "The files count frames; seconds are frame / fps, durations num_frames / fps.",
        "Repeated (video, query) pairs are normal: several annotators described the same moment.",
    ),
)
