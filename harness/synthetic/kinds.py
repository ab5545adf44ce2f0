"""The embedded benchmark for every kind of question: one set of videos, each asked five ways."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.synthetic.make import encode, keys, replace
from harness.synthetic.scene import COLOURS, DURATIONS_S, LOOKS, Event, Scene, draw, place

SCHEMA = "vtg-harness/synthetic-kinds/1"
FOLDER = "synthetic-kinds"
SIZES = {"train": 200, "dev": 50, "test": 100}
KINDS = ("moment", "pairs", "choice", "instances", "union")
LENGTHS_S = (2, 5)
SMALL, LARGE = 14, 28
"""Radii of shapes in pixels."""
LIKED = {SMALL: 2, LARGE: 4}
LETTERS = "ABCD"
TIMES_SEEN = (1, 2, 1, 2, 1, 2, 1, 3)
"""How often a look is seen in each of eight videos; all others are seen once."""

Row = dict[str, Any]


class Video(NamedTuple):
    """A scene, a question of each kind about it, and the generator that draws its pixels."""

    scene: Scene
    rows: dict[str, Row]
    rng: np.random.Generator


def plan(rng: np.random.Generator, times_seen: int) -> Scene:
    """Three or four events of 2 to 5 s, in order of time, of which one look is seen that often; four if more than once.

    One shape is seen in one event only. A large and a small one are seen.
    """
    duration_s = int(rng.choice(DURATIONS_S))
    count = int(rng.integers(3, 5)) if times_seen == 1 else 4
    times = place(rng, duration_s, count, LENGTHS_S)
    while True:
        drawn = rng.choice(len(LOOKS), count - times_seen + 1, replace=False).tolist()
        looks = [LOOKS[look] for look in rng.permutation([*drawn, *drawn[:1] * (times_seen - 1)]).tolist()]
        radii = rng.choice((SMALL, LARGE), count).tolist()
        if 1 in Counter(shape for _, shape in looks).values() and len(set(radii)) == 2:
            break
    rows = zip(times, looks, radii, strict=True)
    return Scene(duration_s, tuple(Event(start, end, colour, shape, r) for (start, end), (colour, shape), r in rows))


def ask(video: str, scene: Scene, letter: str, rng: np.random.Generator) -> dict[str, Row]:
    """One question of each kind about a video, in the form of a user's own data.

    Sentences asked together stand in an order that tells nothing about time, and wrong options are first of all the other
    colours that are visible.

    Args:
        video: Its name.
        scene: What it shows.
        letter: That of the right option.
        rng: Draws what is asked for.
    """
    events = scene.events
    looks, shapes = Counter(e.sentence for e in events), Counter(e.shape for e in events)
    once = [event for event in events if looks[event.sentence] == 1]
    alone = [event for event in events if shapes[event.shape] == 1]
    moment, coloured, named = (some[int(rng.integers(len(some)))] for some in (once, alone, events))
    together = [once[i] for i in rng.permutation(len(once)).tolist()]
    common = {"video": video, "duration": scene.duration_s}
    return {
        "moment": {**common, "query": moment.sentence, "spans": _spans([moment])},
        "pairs": {**common, "queries": [event.sentence for event in together], "spans": _spans(together)},
        "choice": {
            **common,
            "query": f"What colour is the {coloured.shape}?",
            "options": _options(coloured.colour, {event.colour for event in events}, letter, rng),
            "answer": letter,
            "spans": _spans([coloured]),
        },
        "instances": {
            **common,
            "query": named.sentence,
            "spans": _spans([event for event in events if event.sentence == named.sentence]),
        },
        "union": {
            **common,
            "query": "large shape",
            "scores": _liked(scene),
            "spans": _spans([event for event in events if event.radius == LARGE]),
        },
    }


def _options(right: str, visible: set[str], letter: str, rng: np.random.Generator) -> list[str]:
    wrong = [colour for colour in rng.permutation(list(COLOURS)).tolist() if colour != right]
    chosen = sorted(wrong, key=lambda colour: colour not in visible)[: len(LETTERS) - 1]
    options: list[str] = rng.permutation(chosen).tolist()
    options.insert(LETTERS.index(letter), right)
    return options


def _spans(events: Sequence[Event]) -> list[list[int]]:
    return [[event.start_s, event.end_s] for event in events]


def _liked(scene: Scene) -> list[int]:
    """A score of each clip of 2 s, by the size of what is visible in its middle."""
    return [
        next((LIKED[e.radius] for e in scene.events if e.start_s <= middle < e.end_s), 0)
        for middle in range(1, scene.duration_s, 2)
    ]


def make(root: Path, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> None:
    """Write `root/synthetic-kinds`: `videos/*.mp4`, a file per split and kind, `manifest.json`. All of it or nothing.

    Does nothing if the same benchmark is there already; replaces one with another seed or other sizes.

    Raises:
        InputError: PyAV is not installed.
        OSError: The folder cannot be written.
    """
    target, videos = root / FOLDER, _videos(seed, sizes)
    clips = {f"videos/{key}.mp4": video for split in videos.values() for key, video in split.items()}
    texts = _texts(seed, videos)

    def fill(new: Path) -> None:
        _write(new, texts)
        (new / "videos").mkdir()
        for name, video in clips.items():
            encode(new / name, draw(video.scene, video.rng))

    same = all((target / name).is_file() and (target / name).read_bytes() == text for name, text in texts.items())
    if not same or not all((target / name).is_file() for name in clips):
        replace(target, fill)


def annotate(folder: Path, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> None:
    """Write the file of each split and kind, and `manifest.json`, into a folder that is there."""
    _write(folder, _texts(seed, _videos(seed, sizes)))


def _write(folder: Path, texts: Mapping[str, bytes]) -> None:
    for name, text in texts.items():
        (folder / name).write_bytes(text)


def _videos(seed: int, sizes: Mapping[str, int]) -> dict[str, dict[str, Video]]:
    """Videos by split and name."""
    return {
        split: {
            key: _video(key, index, np.random.default_rng([seed, number, index, len(KINDS)]))
            for index, key in enumerate(keys(split, size))
        }
        for number, (split, size) in enumerate(sizes.items())
    }


def _video(key: str, index: int, rng: np.random.Generator) -> Video:
    # Each four videos have every letter once; which of them repeat a look moves on with the next four.
    scene = plan(rng, TIMES_SEEN[(index + index // len(LETTERS)) % len(TIMES_SEEN)])
    return Video(scene, ask(key, scene, LETTERS[index % len(LETTERS)], rng), rng)


def _texts(seed: int, videos: Mapping[str, Mapping[str, Video]]) -> dict[str, bytes]:
    """Contents of the annotation files and of the manifest, by name."""
    texts: dict[str, bytes] = {}
    splits: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        for split, found in videos.items():
            name = f"{kind}-{split}.jsonl"
            texts[name] = "".join(json.dumps(video.rows[kind]) + "\n" for video in found.values()).encode()
            digest = hashlib.sha256(texts[name]).hexdigest()
            splits[kind][split] = {"file": name, "sha256": digest, "videos": len(found), "queries": len(found)}
    manifest = json.dumps({"schema": SCHEMA, "seed": seed, "splits": splits}, indent=1) + "\n"
    return {**texts, "manifest.json": manifest.encode()}
