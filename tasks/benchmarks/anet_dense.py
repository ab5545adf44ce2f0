"""ActivityNet Captions asked by paragraph: all sentences of a video together, a span for each."""

from dataclasses import replace

from tasks.benchmarks import anet
from tasks.formats.pairs import together
from tasks.task import Split, Task


def _paragraphs(split: Split) -> Split:
    """The same files, a sample a video."""
    sources = tuple(replace(source, read=together(source.read)) for source in split.sources)
    return Split(sources, split.videos, split.videos)


SPLITS = {name: _paragraphs(split) for name, split in anet.SPLITS.items()}

TASK = Task(
    name="anet-dense",
    title="ActivityNet Captions, dense",
    published=SPLITS,
    default_split=anet.TASK.default_split,
    kinds=("pairs",),
    video_folders=anet.TASK.video_folders,
    obtain="harness data fetch --task anet-dense",
    licence=anet.TASK.licence,
    homepage=anet.TASK.homepage,
    citation=anet.TASK.citation,
    aliases=("anet-paragraphs", "activitynet-dense"),
    notes=(
        "The files of `anet`; sentences and spans stand in the published order, which is not always that of their starts.",
        "Papers on dense grounding rename val_2 to `test`.",
        *anet.TASK.notes,
    ),
)
