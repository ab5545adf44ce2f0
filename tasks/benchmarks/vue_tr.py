"""VUE-TR: queries of three forms and three senses about videos from seconds to hours; all true spans count."""

from tasks.formats.rows import read_vue_tr
from tasks.task import Source, Split, Task, github


def _task(version: str, folder: str, file: str, home: str, sha256: str, counts: tuple[int, int], notes: tuple[str, ...]) -> Task:
    address = github("bytedance/vidi", "fc30c87084", f"{home}/{file}")
    return Task(
        name=f"vue-tr{version}",
        title=f"VUE-TR{version.upper()}",
        published={"test": Split((Source({f"{folder}/{file}": sha256}, read_vue_tr, (address,)),), *counts)},
        default_split="test",
        protocol="vue-tr",
        kinds=("retrieval", "union"),
        video_folders=(f"{folder}/videos", f"videos/{folder}", "videos"),
        obtain=f"harness data fetch --task vue-tr{version}",
        licence="CC BY-NC 4.0",
        homepage="https://github.com/bytedance/vidi",
        citation="Vidi Team, Vidi: Large Multimodal Models for Video Understanding and Editing (arXiv 2504.15681)",
        aliases=(folder,),
        notes=("True spans are not merged. `query_modality` tells which queries are about what is heard.", *notes),
    )


TASKS = (
    _task(
        "",
        "vue_tr",
        "VUE-TR_ground_truth.json",
        "VUE_TR",
        "4f4c2c0e55ce3930c93fa2a43131603791f4ff6d0ab3e9927c7529f6e99862d7",
        (424, 1598),
        (),
    ),
    _task(
        "-v2",
        "vue_tr_v2",
        "VUE-TRv2_ground_truth.json",
        "VUE_TR_V2",
        "542268f20608eff596c1038904b9bfa02f4b9c30c1b0d7c75b4058aac1b6031e",
        (847, 1600),
        ("63 queries begin or end with a blank.",),
    ),
)
