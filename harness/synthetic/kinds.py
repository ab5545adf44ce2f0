"""The embedded benchmark for every kind of question: one set of videos, each asked five ways. Pure but for `make`."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.synthetic.make import encode, keys, sha256
from harness.synthetic.scene import COLOURS, DURATIONS_S, FPS, GAP_S, SHAPES, SIDE, shape_mask

SCHEMA = "vtg-harness/synthetic-kinds/1"
FOLDER = "synthetic-kinds"
SIZES = {"train": 200, "dev": 50, "test": 100}
LENGTHS_S = (2, 5)
SMALL, LARGE = 14, 28
"""Radii of shapes in pixels."""
LIKED = {SMALL: 2, LARGE: 4}
OPTIONS = 4
KINDS = ("moment", "pairs", "choice", "instances", "union")
LARGE_SHAPE = "large shape"

Row = dict[str, Any]


class Stretch(NamedTuple):
    """A shape that is visible from `start_s` up to `end_s`, both whole seconds."""

    start_s: int
    end_s: int
    colour: str
    shape: str
    radius: int

    @property
    def look(self) -> str:
        """What a query calls it."""
        return f"{self.colour} {self.shape}"


def plan(rng: np.random.Generator, repeats: bool) -> tuple[int, list[Stretch]]:
    """Duration in seconds and stretches in order of time, of which one look is seen twice or none is.

    There are three or four stretches of 2 to 5 s at least 1 s apart; four where a look repeats. One shape is seen once only;
    a large and a small one are seen.
    """
    count = 4 if repeats else int(rng.integers(3, 5))
    free_s = -1
    while free_s < 0:
        duration_s = int(rng.choice(DURATIONS_S))
        lengths = rng.integers(LENGTHS_S[0], LENGTHS_S[1] + 1, count)
        free_s = duration_s - int(lengths.sum()) - GAP_S * (count - 1)
    starts = np.sort(rng.integers(0, free_s + 1, count)) + np.concatenate([[0], np.cumsum(lengths[:-1] + GAP_S)])
    while True:
        looks = rng.choice(len(COLOURS) * len(SHAPES), count - repeats, replace=False).tolist()
        looks = rng.permutation([*looks, looks[0]] if repeats else looks).tolist()
        radii = rng.choice((SMALL, LARGE), count).tolist()
        shapes = Counter(look % len(SHAPES) for look in looks)
        if 1 in shapes.values() and len(set(radii)) == 2:
            break
    colours = list(COLOURS)
    rows = zip(starts.tolist(), lengths.tolist(), looks, radii, strict=True)
    return duration_s, [
        Stretch(start, start + length, colours[look // len(SHAPES)], SHAPES[look % len(SHAPES)], radius)
        for start, length, look, radius in rows
    ]


def draw(duration_s: int, stretches: Sequence[Stretch], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames `(duration * 2, 64, 64, 3)` RGB: shapes at random places on one flat dark colour."""
    background = np.full((SIDE, SIDE, 3), rng.integers(20, 60, 3), dtype=np.uint8)
    pixels = np.repeat(background[None], duration_s * FPS, axis=0)
    for stretch in stretches:
        side = 2 * stretch.radius
        top, left = rng.integers(0, SIDE - side, 2)
        picture = background.copy()
        picture[top : top + side + 1, left : left + side + 1][shape_mask(stretch.shape, stretch.radius)] = COLOURS[stretch.colour]
        pixels[stretch.start_s * FPS : stretch.end_s * FPS] = picture
    return pixels


def ask(video: str, duration_s: int, stretches: Sequence[Stretch], rng: np.random.Generator) -> dict[str, Row]:
    """One question of each kind about a video, in the form of a user's own data.

    Sentences asked together stand in an order that tells nothing about time.
    """
    looks, shapes = Counter(s.look for s in stretches), Counter(s.shape for s in stretches)
    once = [stretch for stretch in stretches if looks[stretch.look] == 1]
    alone = [stretch for stretch in stretches if shapes[stretch.shape] == 1]
    moment, coloured = (some[int(rng.integers(len(some)))] for some in (once, alone))
    together = [once[i] for i in rng.permutation(len(once)).tolist()]
    repeated = next((look for look, count in looks.items() if count > 1), stretches[int(rng.integers(len(stretches)))].look)
    others = [colour for colour in COLOURS if colour != coloured.colour]
    options = [coloured.colour, *rng.permutation(others).tolist()[: OPTIONS - 1]]
    options = [options[i] for i in rng.permutation(OPTIONS).tolist()]
    large = [stretch for stretch in stretches if stretch.radius == LARGE]
    common = {"video": video, "duration": duration_s}
    return {
        "moment": {**common, "query": moment.look, "spans": _spans([moment])},
        "pairs": {**common, "queries": [stretch.look for stretch in together], "spans": _spans(together)},
        "choice": {
            **common,
            "query": f"What colour is the {coloured.shape}?",
            "options": options,
            "answer": "ABCD"[options.index(coloured.colour)],
            "spans": _spans([coloured]),
        },
        "instances": {**common, "query": repeated, "spans": _spans([s for s in stretches if s.look == repeated])},
        "union": {**common, "query": LARGE_SHAPE, "scores": _liked(duration_s, stretches), "spans": _spans(large)},
    }


def _spans(stretches: Sequence[Stretch]) -> list[list[int]]:
    return [[stretch.start_s, stretch.end_s] for stretch in stretches]


def _liked(duration_s: int, stretches: Sequence[Stretch]) -> list[int]:
    """A score of each clip of 2 s, by the size of what is visible in its middle."""
    middles = range(1, duration_s, 2)
    return [next((LIKED[s.radius] for s in stretches if s.start_s <= middle < s.end_s), 0) for middle in middles]


def make(root: Path, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> None:
    """Write `root/synthetic-kinds`: `videos/*.mp4`, a file per split and kind, `manifest.json`. All of it or nothing.

    Does nothing if the same benchmark is there already.

    Raises:
        InputError: PyAV is not installed.
        OSError: The folder cannot be written.
    """
    target = root / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{FOLDER}-", dir=root))
    try:
        annotate(new := work, seed, sizes)
        if _same(target / "manifest.json", new / "manifest.json") and _whole(target, sizes):
            return
        (new / "videos").mkdir()
        for name, number, index, key in _videos(sizes):
            rng = np.random.default_rng([seed, number, index, len(KINDS)])
            duration_s, stretches = plan(rng, index % 2 == 1)
            ask(key, duration_s, stretches, rng)
            encode(new / "videos" / f"{name}-{index:04d}.mp4", draw(duration_s, stretches, rng))
        if target.exists():
            shutil.rmtree(target)
        new.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def annotate(folder: Path, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> None:
    """Write the file of each split and kind, and `manifest.json`, into a folder that is there."""
    rows: dict[tuple[str, str], list[Row]] = {(kind, name): [] for kind in KINDS for name in sizes}
    for name, number, index, key in _videos(sizes):
        rng = np.random.default_rng([seed, number, index, len(KINDS)])
        for kind, row in ask(key, *plan(rng, index % 2 == 1), rng).items():
            rows[kind, name].append(row)
    splits: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for (kind, name), found in rows.items():
        file = folder / f"{kind}-{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
        splits[kind][name] = {"file": file.name, "sha256": sha256(file), "videos": len(found), "queries": len(found)}
    manifest = {"schema": SCHEMA, "seed": seed, "splits": splits}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _videos(sizes: Mapping[str, int]) -> list[tuple[str, int, int, str]]:
    """Split, its number, the number of the video in it, and the video's name."""
    pairs = ((number, name, index, key) for number, name in enumerate(sizes) for index, key in enumerate(keys(name, sizes[name])))
    return [(name, number, index, key) for number, name, index, key in pairs]


def _same(old: Path, new: Path) -> bool:
    return old.is_file() and old.read_bytes() == new.read_bytes()


def _whole(target: Path, sizes: Mapping[str, int]) -> bool:
    files = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["splits"]
    kept = [(target / entry["file"], entry["sha256"]) for splits in files.values() for entry in splits.values()]
    videos = [target / "videos" / f"{key}.mp4" for *_, key in _videos(sizes)]
    return all(file.is_file() and sha256(file) == digest for file, digest in kept) and all(map(Path.is_file, videos))
