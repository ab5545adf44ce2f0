"""Charades-STA: sentences grounded in 30-second indoor videos."""

from tasks.formats.published import read_charades_durations, read_tall_text
from tasks.sample import Sample
from tasks.task import Source, Split, Task, github

SHA256 = {
    "charades_sta/train.json": "1b1d63bb7960cd9331f1be58d077e7f745b72e24c8f562e2ee15a8c6bed943a0",
    "charades_sta/train.txt": "47ec9b6b488fca753373d9cc29b07a959f7237a922cb29463cd088cd6198e805",
    "charades_sta/Charades_v1_train.csv": "59273c6dc2139ec7eb95b980fd26bc8529774b1ede0602f6ca90b546ed12f0fc",
    "charades_sta/test.json": "6179bf95f5c508c493180e636fcfb6c7ef61b39ba35495f43eff1837092ae107",
    "charades_sta/test.txt": "fab341679c20b0917173dcffffde367a71113fe63f3a645558cef2ebfbfefb55",
    "charades_sta/Charades_v1_test.csv": "8b8b207b55fb95b949018027f69d83bd46cd844d15834f8f592ee8e7446173eb",
}


def _read_with_csv(text: str, csv_text: str) -> list[Sample]:
    return read_tall_text(text, read_charades_durations(csv_text))


def _split(name: str, time_zero: str, videos: int, queries: int) -> Split:
    """TimeZero's JSON, or the sentences of TALL with the durations of Charades, as 2D-TAN keeps both."""
    json, txt, csv = (f"charades_sta/{file}" for file in (f"{name}.json", f"{name}.txt", f"Charades_v1_{name}.csv"))
    home = github("www-Ye/TimeZero", "a7c3523367", time_zero)
    files = (f"charades_sta_{name}.txt", f"Charades_v1_{name}.csv")
    homes = tuple(github("microsoft/2D-TAN", "2f7410f0de", f"data/Charades-STA/{file}") for file in files)
    with_csv = Source({path: SHA256[path] for path in (txt, csv)}, _read_with_csv, homes)
    return Split((Source({json: SHA256[json]}, homes=(home,)), with_csv), videos, queries)


TASK = Task(
    name="charades",
    title="Charades-STA",
    published={
        "train": _split("train", "Charades/charades_annotation/train.json", 5338, 12408),
        "test": _split("test", "dataset/charades-sta/charades_test.json", 1334, 3720),
    },
    default_split="test",
    video_folders=("charades_sta/videos", "charades/videos", "videos/charades", "videos", "Charades_v1_480", "Charades_v1"),
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
