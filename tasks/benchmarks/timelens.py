"""TimeLens-Bench: Charades-STA, ActivityNet Captions and QVHighlights annotated again, one moment a query."""

from tasks.formats.published import read_queries_json
from tasks.task import Source, Split, Task


def _task(short: str, name: str, title: str, queries: int) -> Task:
    source = Source({f"TimeLens-Bench/{name}-timelens.json": None}, read_queries_json)
    return Task(
        name=f"timelens-{short}",
        title=f"{title}-TimeLens",
        published={"test": Split((source,), videos=None, queries=queries)},
        default_split="test",
        video_folders=(f"TimeLens-Bench/videos/{name}", f"{name}/videos", f"videos/{name}", "videos"),
        obtain="hf download TencentARC/TimeLens-Bench --repo-type=dataset --local-dir DATA_ROOT/TimeLens-Bench",
        licence=f"see the homepage; the videos under the terms of {title}",
        homepage="https://huggingface.co/datasets/TencentARC/TimeLens-Bench",
        citation="Zhang et al., TimeLens: Rethinking Video Temporal Grounding with Multimodal LLMs, CVPR 2026 (arXiv 2512.14698)",
        aliases=(f"{name}-timelens",),
        notes=("Files are supplied by the user: only the published number of queries stands behind them.",),
    )


TASKS = (
    _task("charades", "charades", "Charades", 3363),
    _task("anet", "activitynet", "ActivityNet", 4500),
    _task("qvhighlights", "qvhighlights", "QVHighlights", 1541),
)
