"""TACoS: long cooking videos, many sentences each; the 2D-TAN division."""

from tasks.formats.published import read_frames_json
from tasks.task import Source, Split, Task, github


def _split(name: str, sha256: str, videos: int, queries: int) -> Split:
    home = github("microsoft/2D-TAN", "2f7410f0de", f"data/TACoS/{name}.json")
    return Split((Source({f"tacos/{name}.json": sha256}, read_frames_json, (home,)),), videos, queries)


SPLITS = {
    "train": _split("train", "ee5e1527885122f0d3cf1dbfcf0efb0de0c54f8290937fe3ff8b5844742112e9", 75, 9790),
    "val": _split("val", "f8f350e5727e8c0ab3ca2a5d4df93027dcd0546aebe8e2087ae220c850db59fe", 27, 4436),
    "test": _split("test", "1c64c8a5ada2b812ee7e230d1577139c5ee8e1e5d9ae2141479c980a0c3fb847", 25, 4001),
}

TASK = Task(
    name="tacos",
    title="TACoS",
    published=SPLITS,
    default_split="test",
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
