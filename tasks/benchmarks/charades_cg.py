"""Charades-CG: Charades-STA divided again, so that its tests hold new compositions of known words, and new words."""

from tasks.benchmarks import charades
from tasks.task import Source, Split, Task, github


def _split(name: str, sha256: str, videos: int, queries: int) -> Split:
    home = github(
        "YYJMJC/Compositional-Temporal-Grounding", "2372337e9166b8e26b83ce936a8474c6ae127290", f"Charades-CG/{name}.json"
    )
    return Split((Source({f"charades_cg/{name}.json": sha256}, homes=(home,)),), videos, queries)


SPLITS = {
    "train": _split("train", "c66556077d8b6a1fd7ee91641f994cd1341c11adfa4fc078434c9fe7a4b93d8d", 3555, 8281),
    "novel_composition": _split(
        "novel_composition", "c92beda2c861bb0da356d94bba131d49e20a59d893d6e182bda1ee68a852514d", 2480, 3442
    ),
    "novel_word": _split("novel_word", "f3ccd59c9f18e221028138faaf9bdddb5215e2550215ca62c8f24659168eb7f3", 580, 695),
    "test_trivial": _split("test_trivial", "45eec9d3c46187235309344ab937a065b409cbdc3f3f9d926da6fd05302d822d", 1689, 3096),
}

TASK = Task(
    name="charades-cg",
    title="Charades-CG",
    published=SPLITS,
    default_split="novel_composition",
    video_folders=charades.TASK.video_folders,
    obtain="harness data fetch --task charades-cg",
    licence="Charades: non-commercial research use (Allen Institute for AI); Charades-CG states none of its own",
    homepage="https://github.com/YYJMJC/Compositional-Temporal-Grounding",
    citation="Li et al., Compositional Temporal Grounding …, CVPR 2022 (Charades-CG, ActivityNet-CG)",
    aliases=("charades_cg",),
    notes=(
        "The paper counts 588 videos / 703 queries in novel_word; the published file has 580 / 695.",
        "novel_composition has 2,756 of its 3,442 queries, novel_word 522 of 695, from charades@train.",
        "Videos recur across the three tests, no query does.",
    ),
)
