"""Charades-CD: Charades-STA divided again, so that the moments of its out-of-distribution test lie elsewhere than in training."""

from tasks.benchmarks import charades
from tasks.task import Source, Split, Task, github


def _split(name: str, sha256: str, videos: int, queries: int) -> Split:
    home = github("yytzsy/grounding_changing_distribution", "83b07d4841", f"Charades-CD/charades_{name}.json")
    return Split((Source({f"charades_cd/{name}.json": sha256}, homes=(home,)),), videos, queries)


SPLITS = {
    "train": _split("train", "e8bd49b87d6e166ba349035136396fa4bb3fbc8f85f9612544215624c7042651", 4564, 11071),
    "val": _split("val", "05d451cbf0cc6441405d071440915974c52ea820a2627c8be4a6bbfff88cce3e", 333, 859),
    "test_iid": _split("test_iid", "c75e4393425a21842abc6d5f75deb5ee64c54d38148bcd4adac7417099b82566", 333, 823),
    "test_ood": _split("test_ood", "a73847ada163bfcbbad2f616311098e6139b63ca6f93f537ca41b01b81961166", 1442, 3375),
}

TASK = Task(
    name="charades-cd",
    title="Charades-CD",
    published=SPLITS,
    default_split="test_ood",
    video_folders=charades.TASK.video_folders,
    obtain="harness data fetch --task charades-cd",
    licence="Charades: non-commercial research use (Allen Institute for AI); Charades-CD states none of its own",
    homepage="https://github.com/yytzsy/grounding_changing_distribution",
    citation="Yuan et al., A Closer Look at Temporal Sentence Grounding in Videos, HUMA 2021 (arXiv 2101.09028)",
    aliases=("charades_cd",),
    notes=(
        "train holds 907 of the 1,334 videos of charades@test: a model trained on one must not be tested on the other.",
        "Final full stops are removed, glued sentences lose their separator, the reversed moments of Charades-STA are swapped.",
        "Durations are multiples of 1/16 s, about 0.17 s above those of Charades-STA.",
    ),
)
