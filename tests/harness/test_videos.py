"""Finding videos by key, and the default places."""

from pathlib import Path

import pytest

from harness.paths import data_root, run_folder
from harness.videos import find_videos


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
