"""ActivityNet Captions: paragraphs of sentences grounded in two-minute web videos."""

from tasks.task import Source, Split, Task, github

PUBLISHED_AS = {"train": "train", "val_1": "val", "val_2": "test"}


def _split(name: str, sha256: str, videos: int, queries: int) -> Split:
    home = github("microsoft/2D-TAN", "2f7410f0de", f"data/ActivityNet/{PUBLISHED_AS[name]}.json")
    return Split((Source({f"activitynet/{name}.json": sha256}, homes=(home,)),), videos, queries)


SPLITS = {
    "train": _split("train", "704536b2779011c1a729c927ae30e39ea9c90c38557836bbe969499917243d69", 10009, 37421),
    "val_1": _split("val_1", "466aaccb9ebe45c6db4c98488a4ddbeb5b22faffe62e1bbce81222c14fc29e1c", 4917, 17505),
    "val_2": _split("val_2", "08fe56568bc92dd02a6150fe1094457a5f2ac72975b8778a922bc9a65aa7f0e9", 4885, 17031),
}

TASK = Task(
    name="anet",
    title="ActivityNet Captions",
    published=SPLITS,
    default_split="val_2",
    video_folders=("activitynet/videos", "anet/videos", "videos/activitynet", "videos"),
    obtain="harness data fetch --task anet",
    licence="none stated with the annotations",
    homepage="https://cs.stanford.edu/people/ranjaykrishna/densevid/",
    citation="Krishna et al., Dense-Captioning Events in Videos, ICCV 2017 (arXiv 1705.00754)",
    aliases=("activitynet", "anet-captions", "activitynet-captions"),
    notes=(
        "val_1 and val_2 are two annotators' captions of nearly the same videos; papers call val_2 `test`.",
        "Durations carry binary noise (213.82999999999998).",
    ),
)
