"""ExtremeWhenBench: moments in videos of an hour and more."""

from tasks.formats.rows import read_extreme_when
from tasks.task import Source, Split, Task

TASK = Task(
    name="extreme-when-bench",
    title="ExtremeWhenBench",
    published={"test": Split((Source({"extreme_when_bench/test.json": None}, read_extreme_when),), videos=194, queries=2273)},
    default_split="test",
    video_folders=("extreme_when_bench/videos", "videos/extreme_when_bench", "videos"),
    obtain="python -c \"import datasets; d = datasets.load_dataset('min1321/extreme-when-bench', split='test'); "
    "d.to_json('DATA_ROOT/extreme_when_bench/test.json', lines=False)\"",
    licence="CC BY 4.0 (annotations); videos of LVBench, MLVU and Video-MME under their own terms",
    homepage="https://huggingface.co/datasets/min1321/extreme-when-bench",
    citation="Seo and Kim, Natural-Language Temporal Grounding in Hour-Long Videos is a Search Problem (arXiv 2606.12300)",
    aliases=("extremewhenbench",),
    notes=(
        "Files are supplied by the user: no published hash stands behind them.",
        "Videos last 76 minutes on average and 9 hours at most. The fields are those of its README, unverified.",
    ),
)
