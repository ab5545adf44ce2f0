"""TVSum and YouTube Highlights: which clips of a video people liked, in lighthouse's division."""

from collections.abc import Callable

from tasks.formats.clips import read_tvsum, read_youtube
from tasks.sample import Sample
from tasks.task import Source, Split, Task, github

LIGHTHOUSE = ("line/lighthouse", "d095eaa552")


def _split(folder: str, home: str, name: str, read: Callable[..., list[Sample]], sha256: str, videos: int) -> Split:
    address = github(*LIGHTHOUSE, f"data/{home}/{home}_{name}_release.jsonl")
    return Split((Source({f"{folder}/{name}.jsonl": sha256}, read, (address,)),), videos, videos)


TVSUM = {
    "train": _split(
        "tvsum", "tvsum", "train", read_tvsum, "f23a819e3b97d1404b986995cfd84e2c8e6ec2ab6f1fb8e035984332c8918380", 40
    ),
    "val": _split("tvsum", "tvsum", "val", read_tvsum, "4b0788e8aa8091fd57f5a1d550d8998d9fda206e5014b716e52d3232b2d5a426", 10),
}
YOUTUBE = {
    "train": _split(
        "youtube_highlights",
        "youtube_highlight",
        "train",
        read_youtube,
        "42eeb3ff6a600edadb8174cba3051cea2b323029b71e6aee750fef70f606a71e",
        233,
    ),
    "val": _split(
        "youtube_highlights",
        "youtube_highlight",
        "val",
        read_youtube,
        "3a0ffaa30695952f9f8c882947825328f4fea71dd34ce47b30d4160c79b37785",
        152,
    ),
}

TASKS = (
    Task(
        name="tvsum",
        title="TVSum",
        published=TVSUM,
        default_split="val",
        protocol="tvsum",
        kinds=("clips",),
        video_folders=("tvsum/videos", "videos/tvsum", "videos"),
        obtain="harness data fetch --task tvsum",
        licence="line/lighthouse: Apache-2.0; the terms of the data set are not stated there",
        homepage="https://github.com/line/lighthouse",
        citation="Song et al., TVSum: Summarizing Web Videos Using Titles, CVPR 2015",
        notes=(
            "Clips of 1 s, 20 annotators, scores of 1 to 5; the query is the title of the video. Ten domains.",
            "Lighthouse's division: one video of each domain in val, four in train. There are no windows.",
        ),
    ),
    Task(
        name="youtube-highlights",
        title="YouTube Highlights",
        published=YOUTUBE,
        default_split="val",
        protocol="youtube-highlights",
        kinds=("clips",),
        video_folders=("youtube_highlights/videos", "videos/youtube_highlights", "videos"),
        obtain="harness data fetch --task youtube-highlights",
        licence="line/lighthouse: Apache-2.0; the terms of the data set are not stated there",
        homepage="https://github.com/line/lighthouse",
        citation="Sun et al., Ranking Domain-Specific Highlights by Analyzing Edited Videos, ECCV 2014",
        aliases=("youtube_highlights", "youtube-highlight"),
        notes=(
            "Clips of 100 frames, a new one every 50, so that they overlap; a score is 0 or 1. The query is one of six domains.",
            "152 of the 172 videos of UMT's val are left, because videos are gone: its published numbers are of other videos.",
            "The last clip of 42 and 28 videos (train, val) ends after the duration, by at most a third of a second.",
        ),
    ),
)
