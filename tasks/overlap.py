"""Videos that stand both in a split models are trained on and in one they are tested on."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tasks.sample import Sample

_TRAINING = re.compile(r"(train|fit)(-.*)?|fewshot-.*")
_SUFFIX = re.compile(r"\.(mp4|mkv|webm|avi|mov|m4v|flv|mpg)$", re.IGNORECASE)


class Overlap(NamedTuple):
    """What a training and a test split share."""

    train: str  # Name of the training split, `task@split`
    test: str  # Name of the test split
    videos: tuple[str, ...]  # The shared videos, sorted, without file suffix
    of_videos: int  # Number of videos of the test split
    queries: int  # Number of its queries on shared videos
    of_queries: int  # Number of all its queries

    def __str__(self) -> str:
        return (
            f"{self.train} holds {len(self.videos):,} of the {self.of_videos:,} videos of {self.test} "
            f"({self.queries:,} of {self.of_queries:,} queries): do not train on one and test on the other"
        )


def overlaps(splits: Mapping[str, Sequence[Sample]], trained: Collection[str] | None = None) -> list[Overlap]:
    """Every pair of a training split and another split that share videos, of whatever tasks.

    Args:
        splits: Samples by `task@split`.
        trained: Names of what models are trained on; without them, splits called `train`, `fit` and `fewshot-…`, and parts.
    """
    videos = {name: {_plain(sample.video) for sample in samples} for name, samples in splits.items()}
    train_like = [name for name in splits if _TRAINING.fullmatch(name.rpartition("@")[2])]
    training = train_like if trained is None else [name for name in splits if name in trained]
    found = []
    for train in training:
        for test in splits.keys() - training:
            if shared := videos[train] & videos[test]:
                queries = sum(1 for sample in splits[test] if _plain(sample.video) in shared)
                found.append(Overlap(train, test, tuple(sorted(shared)), len(videos[test]), queries, len(splits[test])))
    return sorted(found)


def _plain(video: str) -> str:
    return _SUFFIX.sub("", video)
