"""NExT-GQA: questions with five options about home videos, and the windows that are evidence of the answer."""

from tasks.formats.choice import read_nextgqa_csv, read_nextgqa_json
from tasks.task import Source, Split, Task, github


def _split(published_as: str, json: str, csv: str, gsub: str, videos: int, queries: int) -> Split:
    folder = "datasets/nextgqa"
    original = {f"nextgqa/{published_as}.csv": csv, f"nextgqa/gsub_{published_as}.json": gsub}
    homes = tuple(github("doc-doc/NExT-GQA", "63772e0256", path.replace("nextgqa", folder, 1)) for path in original)
    home = github("OpenGVLab/VideoChat-R1", "73b2ea9ac8", f"Annotations/NextGQA/nextgqa_{published_as}.json")
    return Split(
        (
            Source({f"nextgqa/{published_as}.json": json}, read_nextgqa_json, (home,)),
            Source(original, read_nextgqa_csv, homes),
        ),
        videos,
        queries,
    )


SPLITS = {
    "train": _split(
        "val",
        "3bbdf005b975d2192fc268776f0e885025a755b235fe48ca1a71caafcdd83a31",
        "ac5a1eb1d6dee9cd84ab7f9c94ab345b2404646f24b79ac182cd2aa9e2d424c1",
        "4feb23e53102cb2d4779e857ff8f9fd9b552fc38435621406b2ed9b0bf76204b",
        567,
        3358,
    ),
    "test": _split(
        "test",
        "d4e9a4d76ae5f1c8a55bd68637dd02ce1b46d998e02c637e8abb4303cc6bc59d",
        "0443ede53f521de4cbfb5e4fb02253926b90f81f62041b18bd17207a3511d114",
        "0c16c31699238a0f2b8ace45aeed7f193149ce2f011d6ed4f1ef7170ef5d41e9",
        990,
        5553,
    ),
}

TASK = Task(
    name="nextgqa",
    title="NExT-GQA",
    published=SPLITS,
    default_split="test",
    kinds=("choice",),
    video_folders=("nextgqa/videos", "nextqa/videos", "videos/nextgqa", "videos"),
    obtain="harness data fetch --task nextgqa",
    licence="MIT (doc-doc/NExT-GQA); OpenGVLab/VideoChat-R1 states none",
    homepage="https://github.com/doc-doc/NExT-GQA",
    citation="Xiao et al., Can I Trust Your Answer? Visually Grounded Video Question Answering, CVPR 2024 (arXiv 2309.01327)",
    aliases=("next-gqa",),
    notes=(
        "`train` is the published val file: the published train file has no windows. No video of it is in test.",
        "Windows start at -0.1 s in 36 places of test; durations are whole seconds, and three windows of val end after them.",
        "Four questions have two equal options; the answer of 3842638015_4 is one of these, E. Letters are compared, not texts.",
        "Two pairs of questions in each split share video and sentence, and differ in their options.",
        "About a tenth of the questions have several windows (up to 16). Videos lie in one folder, without those of VidOR.",
    ),
)
