"""Charades-STA: sentences grounded in 30-second indoor videos."""

from tasks.formats.published import read_charades_durations, read_tall_text
from tasks.sample import Sample
from tasks.task import Source, Split, Task, github


def _tan(name: str) -> str:
    return github("microsoft/2D-TAN", "2f7410f0de", f"data/Charades-STA/{name}")


def _time_zero(path: str) -> str:
    return github("www-Ye/TimeZero", "a7c3523367", path)


def _read_with_csv(text: str, csv_text: str) -> list[Sample]:
    return read_tall_text(text, read_charades_durations(csv_text))


TRAIN = Split(
    (
        Source(
            {"charades_sta/train.json": "1b1d63bb7960cd9331f1be58d077e7f745b72e24c8f562e2ee15a8c6bed943a0"},
            homes=(_time_zero("Charades/charades_annotation/train.json"),),
        ),
        Source(
            {
                "charades_sta/train.txt": "47ec9b6b488fca753373d9cc29b07a959f7237a922cb29463cd088cd6198e805",
                "charades_sta/Charades_v1_train.csv": "59273c6dc2139ec7eb95b980fd26bc8529774b1ede0602f6ca90b546ed12f0fc",
            },
            _read_with_csv,
            (_tan("charades_sta_train.txt"), _tan("Charades_v1_train.csv")),
        ),
    ),
    videos=5338,
    queries=12408,
)
TEST = Split(
    (
        Source(
            {"charades_sta/test.json": "6179bf95f5c508c493180e636fcfb6c7ef61b39ba35495f43eff1837092ae107"},
            homes=(_time_zero("dataset/charades-sta/charades_test.json"),),
        ),
        Source(
            {
                "charades_sta/test.txt": "fab341679c20b0917173dcffffde367a71113fe63f3a645558cef2ebfbfefb55",
                "charades_sta/Charades_v1_test.csv": "8b8b207b55fb95b949018027f69d83bd46cd844d15834f8f592ee8e7446173eb",
            },
            _read_with_csv,
            (_tan("charades_sta_test.txt"), _tan("Charades_v1_test.csv")),
        ),
    ),
    videos=1334,
    queries=3720,
)

TASK = Task(
    name="charades",
    title="Charades-STA",
    published={"train": TRAIN, "test": TEST},
    default_split="test",
    video_folders=("charades_sta/videos", "charades/videos", "videos/charades", "videos"),
    obtain="harness data fetch --task charades",
    licence="Charades: non-commercial research use (Allen Institute for AI); Charades-STA states none of its own",
    homepage="https://github.com/jiyanggao/TALL",
    citation="Gao et al., TALL: Temporal Activity Localization via Language Query, ICCV 2017 (arXiv 1705.02101)",
    aliases=("charades-sta", "charades_sta"),
    notes=(
        "The `val` file in circulation is the test file, byte for byte; `dev` is our own, carved from train.",
        "train.json and the csv disagree on durations (median 0.04 s): the split hash tells them apart.",
    ),
)
