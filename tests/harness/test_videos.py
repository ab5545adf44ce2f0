"""Finding videos by key, and the default places."""

import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.videos import BLOCK, distinct, find_videos, identity
from harness.paths import data_root, run_folder
from tasks.folders import below


def taken(keys: list[str], *folders: Path) -> dict[str, Path]:
    return {key: match.path for key, match in find_videos(keys, folders).matches.items()}


def test_keys_match_with_and_without_suffix_and_the_first_folder_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first / "x.webm", first / "x.mp4", second / "x.mp4", second / "y.MKV", second / "z.txt", second / "w.avi"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (second / "folder.mp4").mkdir()
    found = taken(["x", "y", "z", "w.avi", "folder", "../a/x", "none"], tmp_path / "missing", first, second)
    assert found == {"x": first / "x.mp4", "y": second / "y.MKV", "w.avi": second / "w.avi"}


def test_data_root_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_root("here") == Path("here")
    monkeypatch.setenv("HARNESS_DATA", "/there")
    assert data_root(None) == Path("/there")
    monkeypatch.delenv("HARNESS_DATA")
    assert data_root(None).name == "vtg-harness"


def test_run_folders() -> None:
    assert run_folder("out", "m", "charades@test", only_one=True) == Path("out")
    assert run_folder("out", "m", "charades@test", only_one=False) == Path("out/charades@test")
    assert run_folder(None, "Qwen/Qwen2.5-VL-7B", "t", only_one=True) == Path("runs/Qwen_Qwen2.5-VL-7B/t")
    assert ".." not in run_folder(None, "../../ckpt/", "t", only_one=True).parts
    assert run_folder(None, "replay:a/b.jsonl", "t", only_one=True) == Path("runs/replay-a_b.jsonl/t")


def test_a_named_file_is_tried_whatever_its_suffix(tmp_path: Path) -> None:
    for name in ("a.ts", "b.WMV", "c.data", "d", "e.Mp4", "f.mts", "v_1.5.mp4", "note.txt"):
        (tmp_path / name).touch()
    keys = ["a.ts", "a", "b.wmv", "b", "c.data", "c", "d", "e.mp4", "f", "v_1.5", "note"]
    found = {key: path.name for key, path in taken(keys, tmp_path).items()}
    assert found == {
        "a.ts": "a.ts", "a": "a.ts", "b.wmv": "b.WMV", "b": "b.WMV", "c.data": "c.data", "d": "d",
        "e.mp4": "e.Mp4", "f": "f.mts", "v_1.5": "v_1.5.mp4",
    }  # fmt: skip


def test_of_several_files_one_is_taken_and_the_others_are_known(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4", "a.MP4", "b.webm", "c", "c.mp4", "d.mp4", "d.MP4"):
        (tmp_path / name).touch()
    keys = ["a", "b", "c", "d.mp4"]
    found = taken(keys, tmp_path)
    assert {key: path.name for key, path in found.items()} == {"a": "a.MP4", "b": "b.webm", "c": "c", "d.mp4": "d.mp4"}
    matches = find_videos(keys, [tmp_path]).matches
    others = {key: [path.name for path in match.others] for key, match in matches.items() if match.others}
    assert others == {"a": ["a.mp4", "a.mkv"], "c": ["c.mp4"], "d.mp4": ["d.MP4"]}


def test_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    assert distinct([Path("a"), tmp_path / "b", Path("b"), tmp_path / "a"]) == (Path("a"), tmp_path / "b")


@given(st.integers(0, 4 * BLOCK), st.integers(1, 255))
def test_an_altered_end_or_middle_makes_another_file(size: int, change: int) -> None:
    content = bytearray(random.Random(size).randbytes(size))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(content)
        before = identity(path)
        path.write_bytes(content)
        assert identity(path) == before
        for place in {0, size // 2, size - 1} if size else set[int]():
            altered = bytearray(content)
            altered[place] = (altered[place] + change) % 256
            path.write_bytes(altered)
            assert identity(path) != before
        path.write_bytes(content + b"\0")
        assert identity(path) != before
    assert identity(path) is None


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_layouts_of_the_field(tmp_path: Path) -> None:
    touch(tmp_path, "Charades_v1_480/A1.mp4", "v1-3/train_val/v_B2.mkv", "v1-3/test/C3.webm", "qvh/d4_60.0_210.0.mp4")
    touch(tmp_path, "deep/er/e5.avi", ".cache/f6.mp4", "own/g7.mkv", "own/v_h8.webm")
    keys = ["A1", "B2", "v_C3", "d4_60.0_210.0", "e5.avi", "f6", "g7.mp4", "h8.mp4"]
    found = find_videos(keys, [tmp_path]).matches
    assert {key: (match.below, match.rule) for key, match in found.items()} == {
        "A1": ("Charades_v1_480/A1.mp4", "name"),
        "B2": ("v1-3/train_val/v_B2.mkv", "v_ prefix"),
        "v_C3": ("v1-3/test/C3.webm", "v_ prefix"),
        "d4_60.0_210.0": ("qvh/d4_60.0_210.0.mp4", "name"),
        "e5.avi": ("deep/er/e5.avi", "name"),
        "g7.mp4": ("own/g7.mkv", "other suffix"),
        "h8.mp4": ("own/v_h8.webm", "v_ prefix and other suffix"),
    }
    assert taken(["A1"], tmp_path / "Charades_v1_480") == {"A1": tmp_path / "Charades_v1_480" / "A1.mp4"}
    assert find_videos(["A1"], [tmp_path], flat=[tmp_path]).matches == {}


def test_two_different_files_are_never_chosen_from(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "val/a.mkv", "train/b.mp4", "c.mp4", "old/c.mp4", "train/v_d.mp4", "train/d.mp4")
    (tmp_path / "val" / "b.mp4").write_bytes((tmp_path / "train" / "b.mp4").read_bytes())
    found = find_videos(["a", "b", "c", "d"], [tmp_path])
    assert found.ambiguous == {"a": (tmp_path / "train" / "a.mp4", tmp_path / "val" / "a.mkv")}
    below = {key: (match.below, *(path.name for path in match.others)) for key, match in found.matches.items()}
    assert below == {"b": ("train/b.mp4", "b.mp4"), "c": ("c.mp4", "c.mp4"), "d": ("train/d.mp4", "v_d.mp4")}
    # A folder that is searched before decides.
    assert taken(["a"], tmp_path / "val", tmp_path) == {"a": tmp_path / "val" / "a.mkv"}


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "disk/x.mp4")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "videos").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "disk")
    (tmp_path / "data" / "gone.mp4").symlink_to(tmp_path / "nowhere")
    assert taken(["x", "gone"], tmp_path / "data") == {"x": tmp_path / "data" / "videos" / "x.mp4"}


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.mp4")
    old = 1_000_000_000
    for folder in (tmp_path, tmp_path / "a"):
        os.utime(folder, (old, old))
    assert taken(["x", "y"], tmp_path).keys() == {"x"} and below(tmp_path) is below(tmp_path)
    touch(tmp_path, "a/y.mp4")
    assert taken(["x", "y"], tmp_path).keys() == {"x", "y"}
    touch(tmp_path, "b/z.mp4")
    assert taken(["z"], tmp_path).keys() == {"z"}
