"""The benchmark on disk: complete, repeatable, and what its annotations say."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from harness.synthetic import make as module
from harness.synthetic.make import make
from harness.synthetic.scene import COLOURS
from harness.video.decode import read_frames
from tasks.rules import VideoRules

RULES = VideoRules("pyav", 2.0, 4, 768, 64 * 64, 64 * 64, 2**24)


def contents(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_manifest_tells_files_hashes_and_counts(synthetic: Path) -> None:
    folder = synthetic / "synthetic"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["schema"], manifest["seed"]) == ("vtg-harness/synthetic/1", 0)
    assert {name: (split["videos"], split["queries"]) for name, split in manifest["splits"].items()} == {
        "train": (4, 12),
        "dev": (2, 6),
        "test": (12, 36),
    }
    keys: list[str] = []
    for split in manifest["splits"].values():
        data = (folder / split["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == split["sha256"]
        keys += json.loads(data)
    assert sorted(keys) == sorted(path.stem for path in (folder / "videos").iterdir())
    assert len(keys) == len(set(keys)) == 18


def test_the_annotations_are_the_same_bytes_everywhere(tmp_path: Path) -> None:
    module.annotate(tmp_path)
    # It holds the hash of each split's file; recorded runs stand on these.
    assert module.sha256(tmp_path / "manifest.json").startswith("8c4f0425d5a7b00b5dd483d2")


def test_same_seed_same_bytes_other_seed_others(synthetic: Path, tmp_path: Path) -> None:
    sizes = {"train": 4, "dev": 2, "test": 12}
    make(tmp_path / "a", 0, sizes)
    assert contents(tmp_path / "a") == contents(synthetic)
    make(tmp_path / "a", 1, sizes)
    assert contents(tmp_path / "a").keys() == contents(synthetic).keys()
    assert contents(tmp_path / "a") != contents(synthetic)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["synthetic"]


def test_repeating_does_nothing_and_damage_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, 0, {"test": 2})
    before = contents(tmp_path)
    (tmp_path / "synthetic" / "videos" / "test-0001.mp4").unlink()
    make(tmp_path, 0, {"test": 2})
    assert contents(tmp_path) == before
    monkeypatch.setattr(module, "encode", lambda *_: pytest.fail("rendered again"))
    make(tmp_path, 0, {"test": 2})


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, 0, {"test": 2})
    assert list(tmp_path.iterdir()) == []


def test_decoded_videos_show_the_annotated_colours(synthetic: Path) -> None:
    folder = synthetic / "synthetic"
    for key, video in json.loads((folder / "test.json").read_text()).items():
        frames = read_frames(folder / "videos" / f"{key}.mp4", RULES, 32)
        assert frames.pixels.shape == (video["duration"] * 2, 64, 64, 3)
        for (start, end), sentence in zip(video["timestamps"], video["sentences"], strict=True):
            colour = np.array(COLOURS[sentence.split()[0]])
            near = np.abs(frames.pixels.astype(int) - colour).max(axis=-1) < 60
            shown = near.sum(axis=(1, 2)) > 200
            middle = int(np.abs(frames.time_s - (start + end) / 2).argmin())
            assert shown[middle], (key, sentence)
            same_colour = [s.split()[0] for s in video["sentences"]].count(sentence.split()[0])
            if same_colour == 1:
                inside = (frames.time_s >= start) & (frames.time_s < end)
                np.testing.assert_array_equal(shown, inside)
