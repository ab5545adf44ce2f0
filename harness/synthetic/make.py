"""Render the embedded benchmark: videos with known answers, the same bytes of annotations for the same seed."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import extras
from harness.synthetic.scene import FPS, SIDE, draw, plan

SCHEMA = "vtg-harness/synthetic/1"
SIZES = {"train": 600, "dev": 100, "test": 300}


def make(root: Path, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> None:
    """Write `root/synthetic`: `videos/*.mp4`, one annotation file per split, `manifest.json`. All of it or nothing.

    Does nothing if the same benchmark is there already; replaces one with another seed or other sizes (videos by split; splits
    share none). Raises InputError where PyAV is not installed, OSError where the folder cannot be written.
    """
    target = root / "synthetic"
    if not _is_made(target, seed, sizes):
        replace(target, lambda new: _render_all(new, seed, sizes))


def replace(target: Path, fill: Callable[[Path], None]) -> None:
    """Put a new folder, once it is filled, in the place of `target`; if that fails, nothing has changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        # Not `work` itself, which nobody else may read.
        (new := work / "new").mkdir()
        fill(new)
        if target.exists():
            target.rename(work / "replaced")
        new.rename(target)
    finally:
        shutil.rmtree(work)


def _is_made(target: Path, seed: int, sizes: Mapping[str, int]) -> bool:
    """Whether a complete benchmark with this seed and these sizes is there."""
    try:
        manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
        found = {name: split["videos"] for name, split in manifest["splits"].items()}
        same = (manifest["schema"], manifest["seed"], found) == (SCHEMA, seed, dict(sizes))
        whole = all(sha256(target / split["file"]) == split["sha256"] for split in manifest["splits"].values())
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return False
    videos = (target / "videos" / f"{key}.mp4" for name, size in sizes.items() for key in keys(name, size))
    return same and whole and all(video.is_file() for video in videos)


def annotate(folder: Path, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> None:
    """Write the annotation file of each split and `manifest.json` into a folder that is there."""
    splits = {}
    for number, (name, size) in enumerate(sizes.items()):
        annotations: dict[str, Any] = {}
        for index, key in enumerate(keys(name, size)):
            scene = plan(np.random.default_rng([seed, number, index]))
            annotations[key] = {
                "duration": float(scene.duration_s),
                "timestamps": [[float(event.start_s), float(event.end_s)] for event in scene.events],
                "sentences": [event.sentence for event in scene.events],
            }
        file = folder / f"{name}.json"
        file.write_text(json.dumps(annotations, indent=1) + "\n", encoding="utf-8")
        queries = sum(len(video["sentences"]) for video in annotations.values())
        splits[name] = {"file": file.name, "sha256": sha256(file), "videos": size, "queries": queries}
    manifest = {"schema": SCHEMA, "seed": seed, "splits": splits}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _render_all(new: Path, seed: int, sizes: Mapping[str, int]) -> None:
    (new / "videos").mkdir()
    for number, (name, size) in enumerate(sizes.items()):
        for index, key in enumerate(keys(name, size)):
            generator = np.random.default_rng([seed, number, index])
            encode(new / "videos" / f"{key}.mp4", draw(plan(generator), generator))
    annotate(new, seed, sizes)


def encode(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write frames `(n, 64, 64, 3)` RGB as H.264 at 2 fps, on one thread so that the same frames give the same file."""
    with extras.needed("video"):
        import av
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "veryfast"})
        stream.height = stream.width = SIDE
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for image in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def keys(split: str, size: int) -> list[str]:
    """Names of the videos of a split."""
    return [f"{split}-{index:04d}" for index in range(size)]


def sha256(path: Path) -> str:
    """Hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
