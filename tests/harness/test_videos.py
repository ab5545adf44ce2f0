"""Finding videos by key, and the default places."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.videos import BLOCK, distinct, find_videos, identity, passed_over
from harness.paths import data_root, run_folder


def test_keys_match_with_and_without_suffix_and_the_first_folder_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first / "x.webm", first / "x.mp4", second / "x.mp4", second / "y.MKV", second / "z.txt", second / "w.avi"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (second / "folder.mp4").mkdir()
    found = find_videos(["x", "y", "z", "w.avi", "folder", "../a/x", "none"], [tmp_path / "missing", first, second])
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
    found = {key: path.name for key, path in find_videos(keys, [tmp_path]).items()}
    assert found == {
        "a.ts": "a.ts", "a": "a.ts", "b.wmv": "b.WMV", "b": "b.WMV", "c.data": "c.data", "d": "d",
        "e.mp4": "e.Mp4", "f": "f.mts", "v_1.5": "v_1.5.mp4",
    }  # fmt: skip


def test_of_several_files_one_is_taken_and_the_others_are_known(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4", "a.MP4", "b.webm", "c", "c.mp4", "d.mp4", "d.MP4"):
        (tmp_path / name).touch()
    found = find_videos(["a", "b", "c", "d.mp4"], [tmp_path])
    assert {key: path.name for key, path in found.items()} == {"a": "a.MP4", "b": "b.webm", "c": "c", "d.mp4": "d.mp4"}
    others = {key: [path.name for path in paths] for key, paths in passed_over(found).items()}
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
