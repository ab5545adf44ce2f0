"""Benchmarks whose annotation files the user supplies, in the form in which they are published."""

from collections.abc import Callable
from functools import partial

from tasks.formats.choice import read_rextime
from tasks.formats.ego4d import read_nlq
from tasks.formats.instances import read_museg_training
from tasks.formats.rows import read_didemo, read_extreme_when, read_momentseeker
from tasks.sample import Sample
from tasks.task import Source, Split, Task, github

UNVERIFIED = "Files are supplied by the user: no published hash stands behind them."


def _split(files: tuple[str, ...], read: Callable[..., list[Sample]], queries: int | None, videos: int | None = None) -> Split:
    return Split((Source(dict.fromkeys(files), read),), videos, queries)


DIDEMO = Task(
    name="didemo",
    version=1,
    title="DiDeMo",
    published={
        "train": _split(("didemo/train_data.json",), read_didemo, 33005),
        "val": _split(("didemo/val_data.json",), read_didemo, 4180),
        "test": _split(("didemo/test_data.json",), read_didemo, 4021),
    },
    default_split="test",
    protocol="default",
    video_folders=("didemo/videos", "videos/didemo", "videos"),
    obtain="put {train,val,test}_data.json of https://github.com/LisaAnne/LocalizingMoments into DATA_ROOT/didemo",
    licence="BSD 2-Clause (LocalizingMoments); the videos under the licences of their owners on Flickr",
    homepage="https://github.com/LisaAnne/LocalizingMoments",
    citation="Hendricks et al., Localizing Moments in Video with Natural Language, ICCV 2017 (arXiv 1708.01641)",
    notes=(
        UNVERIFIED,
        "Annotators chose chunks of 5 s among at most six: a video is taken as long as its chunks; the last may be shorter.",
        "Every different choice of an annotator is a true span. The official metric leaves out the annotator who agrees least.",
    ),
)

HACS = Task(
    name="hacs-tal",
    version=1,
    title="HACS Segments, the rows that MUSEG trains on",
    published={
        "train": _split(("hacs_tal/stage_1.jsonl", "hacs_tal/stage_2.jsonl"), partial(read_museg_training, folder="hacs"), 4966)
    },
    default_split="train",
    protocol="default",
    kinds=("instances",),
    video_folders=("hacs_tal/videos", "hacs/videos", "videos/hacs", "videos"),
    obtain=f"save {github('THUNLP-MT/MUSEG', '889565e78b', 'data/train/stage_1.jsonl')} and stage_2.jsonl in DATA_ROOT/hacs_tal",
    licence="none stated with the annotations",
    homepage="https://github.com/THUNLP-MT/MUSEG",
    citation="Zhao et al., HACS: Human Action Clips and Segments Dataset for Recognition and Temporal Localization, ICCV 2019",
    aliases=("hacs",),
    notes=(
        UNVERIFIED,
        "Of MUSEG's two files only rows of task `tal` whose video lies in a folder `hacs`: 2,222 and 2,744.",
        "HACS itself is larger (37.6K training videos); its own files are not read.",
    ),
)

EXTREME_WHEN = Task(
    name="extreme-when-bench",
    version=1,
    title="ExtremeWhenBench",
    published={"test": _split(("extreme_when_bench/test.json",), read_extreme_when, 2273, 194)},
    default_split="test",
    protocol="default",
    video_folders=("extreme_when_bench/videos", "videos/extreme_when_bench", "videos"),
    obtain="python -c \"import datasets; d = datasets.load_dataset('min1321/extreme-when-bench', split='test'); "
    "d.to_json('DATA_ROOT/extreme_when_bench/test.json', lines=False)\"",
    licence="CC BY 4.0 (annotations); videos of LVBench, MLVU and Video-MME under their own terms",
    homepage="https://huggingface.co/datasets/min1321/extreme-when-bench",
    citation="Seo and Kim, Natural-Language Temporal Grounding in Hour-Long Videos is a Search Problem (arXiv 2606.12300)",
    aliases=("extremewhenbench",),
    notes=(UNVERIFIED, "Videos last 76 minutes on average and 9 hours at most. The fields are those of its README, unverified."),
)

MOMENTSEEKER = Task(
    name="momentseeker",
    version=1,
    title="MomentSeeker, text queries",
    published={"test": _split(("momentseeker/t2v.json", "momentseeker/durations.csv"), read_momentseeker, 1000)},
    default_split="test",
    protocol="default",
    kinds=("union", "moment"),
    video_folders=("momentseeker/videos", "videos/momentseeker", "videos"),
    obtain="hf download avery00/MomentSeeker t2v.json --repo-type=dataset --local-dir DATA_ROOT/momentseeker, and write "
    "momentseeker/durations.csv with a header `video,seconds`, one line a video file",
    licence="CC BY-NC-SA 4.0, research only",
    homepage="https://github.com/yhy-2000/MomentSeeker",
    citation="Yuan et al., MomentSeeker: A Task-Oriented Benchmark For Long-Video Moment Retrieval (arXiv 2502.12558)",
    notes=(
        UNVERIFIED,
        "No durations are published: you measure them on your video files, so split hashes differ where these differ.",
        "The fields are those that public evaluators read, unverified; queries with a picture or a video are not read.",
    ),
)

EGO4D_NLQ = Task(
    name="ego4d-nlq",
    version=1,
    title="Ego4D Natural Language Queries",
    published={name: _split((f"ego4d_nlq/nlq_{name}.json",), read_nlq, None) for name in ("train", "val")},
    default_split="val",
    protocol="default",
    video_folders=("ego4d_nlq/clips", "ego4d/clips", "videos/ego4d", "videos"),
    obtain="ego4d --datasets annotations --benchmarks nlq (under the Ego4D licence agreement), then put v2's "
    "nlq_{train,val}.json into DATA_ROOT/ego4d_nlq",
    licence="Ego4D licence agreement",
    homepage="https://ego4d-data.org",
    citation="Grauman et al., Ego4D: Around the World in 3,000 Hours of Egocentric Video, CVPR 2022 (arXiv 2110.07058)",
    aliases=("ego4d_nlq",),
    notes=(
        UNVERIFIED,
        "The video of a sample is the clip, CLIP_UID.mp4, and times count from its start; v1 and v2 have the same form.",
        "Some queries have no text and some windows no length; they are kept. Other evaluators leave out the former.",
    ),
)

REXTIME = Task(
    name="rextime",
    version=1,
    title="ReXTime",
    published={"val": _split(("rextime/rextime_val.json",), read_rextime, 921)},
    default_split="val",
    protocol="default",
    kinds=("choice", "moment"),
    video_folders=("rextime/videos", "videos/rextime", "activitynet/videos", "qvhighlights/videos", "videos"),
    obtain="hf download ReXTime/ReXTime rextime_val.json --repo-type=dataset --local-dir DATA_ROOT/rextime",
    licence="CC BY-NC-SA 4.0 (annotations)",
    homepage="https://github.com/ReXTime/ReXTime",
    citation="Chen et al., ReXTime: A Benchmark Suite for Reasoning-Across-Time in Videos, NeurIPS 2024 (arXiv 2406.19392)",
    notes=(
        UNVERIFIED,
        "Videos of ActivityNet and QVHighlights. The file in the repository has no options; the test answers are on a server.",
        "The fields are those that public evaluators read, unverified.",
    ),
)

TASKS = (DIDEMO, HACS, EXTREME_WHEN, MOMENTSEEKER, EGO4D_NLQ, REXTIME)
