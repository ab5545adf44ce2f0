"""DiDeMo: short descriptions of personal videos, grounded in chunks of 5 s by several annotators."""

from tasks.formats.rows import read_didemo
from tasks.task import Source, Split, Task

TASK = Task(
    name="didemo",
    title="DiDeMo",
    published={
        "train": Split((Source({"didemo/train_data.json": None}, read_didemo),), videos=None, queries=33005),
        "val": Split((Source({"didemo/val_data.json": None}, read_didemo),), videos=None, queries=4180),
        "test": Split((Source({"didemo/test_data.json": None}, read_didemo),), videos=None, queries=4021),
    },
    default_split="test",
    video_folders=("didemo/videos", "videos/didemo", "videos"),
    obtain="put {train,val,test}_data.json of https://github.com/LisaAnne/LocalizingMoments into DATA_ROOT/didemo",
    licence="BSD 2-Clause (LocalizingMoments); the videos under the licences of their owners on Flickr",
    homepage="https://github.com/LisaAnne/LocalizingMoments",
    citation="Hendricks et al., Localizing Moments in Video with Natural Language, ICCV 2017 (arXiv 1708.01641)",
    notes=(
        "Files are supplied by the user: no published hash stands behind them.",
        "Annotators chose chunks of 5 s among at most six: a video is taken as long as its chunks; the last may be shorter.",
        "Longer videos were cut to their first 30 s for annotation: give files that are cut so, or a model sees more.",
        "Every different choice of an annotator is a true span. The official metric leaves out the annotator who agrees least.",
    ),
)
