"""THUMOS14 and THUMOS15: all instances of a sports action in an untrimmed video."""

from functools import partial

from tasks.formats.durations import frame_durations, second_durations
from tasks.formats.instances import read_museg, read_thumos
from tasks.task import Source, Split, Task, github

MUSEG, AFSD = ("THUNLP-MT/MUSEG", "889565e78b"), ("TencentYoutuResearch/ActionDetection-AFSD", "ed86a0df91")
LICENCE = "THUMOS: research only, see the homepage; AFSD's files Apache-2.0, THUNLP-MT/MUSEG states none"

VAL_14 = Split(
    (
        Source(
            {
                "thumos14/thumos14_val.json": "72734c14c303cd475a3e822fe551e2f51ec7554321693112109bbbac85383618",
                "thumos14_test/val_video_info.csv": "21b38c4aba4805045e050a17e94d5347115d48993a47cd98a32287a6b9fee434",
            },
            partial(read_museg, durations=frame_durations),
            (github(*MUSEG, "data/eval/grounding/thumos14.json"), github(*AFSD, "thumos_annotations/val_video_info.csv")),
        ),
    ),
    videos=200,
    queries=227,
)
TEST_14 = Split(
    (
        Source(
            {
                "thumos14_test/thumos_gt.json": "09ec867173d8532cd805769497633617f8a95519491c5558edd29a50731116a2",
                "thumos14_test/test_video_info.csv": "6b066144a025188416a14211a7c153fe26a35c3cf5fa812bee85686858bf9637",
            },
            partial(read_thumos, subset="test"),
            (
                github(*AFSD, "thumos_annotations/thumos_gt.json"),
                github(*AFSD, "thumos_annotations/test_video_info.csv"),
            ),
        ),
    ),
    videos=210,
    queries=245,
)
VAL_15 = Split(
    (
        Source(
            {
                "thumos15/thumos15_val.json": "105ad146a4576c02d07bf6617197771e613938b967c1b976d4f858cb6877ae13",
                "thumos15/durations.csv": None,
            },
            partial(read_museg, durations=second_durations),
        ),
    ),
    videos=412,
    queries=474,
)

TASKS = (
    Task(
        name="thumos14",
        title="THUMOS14, temporal action localization",
        published={"val": VAL_14, "test": TEST_14},
        default_split="val",
        kinds=("instances",),
        video_folders=("thumos14/videos", "videos/thumos14", "videos"),
        obtain="harness data fetch --task thumos14",
        licence=LICENCE,
        homepage="https://www.crcv.ucf.edu/THUMOS14/",
        citation="Jiang et al., THUMOS Challenge: Action Recognition with a Large Number of Classes, 2014",
        aliases=("thumos-14",),
        notes=(
            "`val` is what multimodal models are tested on (MUSEG); detectors are trained on it and tested on `test`.",
            "3,007 and 3,311 instances (val, test) of 20 classes, whose names are written in words in both splits.",
            "Durations are frames over fps; 4 instances of val end later. 30 rows of val are not in order of time.",
            "Every instance of `cliff diving` is one of `diving` too. 89 ambiguous instances of val are left out.",
        ),
    ),
    Task(
        name="thumos15",
        title="THUMOS15, temporal action localization",
        published={"val": VAL_15},
        default_split="val",
        kinds=("instances",),
        video_folders=("thumos15/videos", "videos/thumos15", "videos"),
        obtain="harness data fetch cannot give durations. Save "
        + github(*MUSEG, "data/eval/grounding/thumos15.json")
        + " as thumos15/thumos15_val.json, and write thumos15/durations.csv with a header `video,seconds`, one line a video file",
        licence=LICENCE,
        homepage="http://www.thumos.info",
        citation="Gorban et al., THUMOS Challenge: Action Recognition with a Large Number of Classes, 2015",
        aliases=("thumos-15",),
        notes=(
            "No durations are published: you measure them on your video files, so split hashes differ where these differ.",
            "All 227 rows of thumos14@val recur under another video name: the same instances, 30 in another order.",
            "6,365 instances of 20 classes.",
        ),
    ),
)
