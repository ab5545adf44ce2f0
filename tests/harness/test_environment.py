"""What a number was made with is recorded, without loading what the command does not need."""

import ctypes
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import environment

HEAVY = ("torch", "transformers", "av", "decord", "torchcodec", "vllm", "trl")

DRIVERS = {
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12": "550.54.15",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build  (dvs@U16)\nGCC version: 12": "570.86.10",
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  418.226.00  Fri Jan 14 05:08:10 UTC 2022": "418.226.00",
    "nothing of the kind": None,
}


def test_nothing_heavy_is_loaded_for_it() -> None:
    code = "import json, sys; from harness import environment; found = environment.describe('pyav')"
    code += f"; print(json.dumps([found, [name for name in {HEAVY} if name in sys.modules]]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, loaded = json.loads(done.stdout)
    assert loaded == [] and found["cuda"] is None and found["cudnn"] is None
    for name in ("trl", "transformers", "torch"):
        assert found["packages"][name] == metadata.version(name)


def test_libraries_of_pyav_are_those_that_it_loads() -> None:
    import av

    shown = dict(part.split(" ") for part in environment.describe("pyav")["ffmpeg"]["av"].split(", "))
    assert shown == {name: ".".join(map(str, av.library_versions[f"lib{name}"])) for name in environment.FFMPEG}


def test_libraries_of_the_system_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"avcodec": 59 << 16 | 37 << 8 | 100, "avformat": 59 << 16 | 27 << 8 | 100}

    def load(file: str) -> Any:
        if file == "swscale":
            raise OSError("libavutil.so.57: cannot open shared object file")
        return SimpleNamespace(**{f"{file}_version": lambda: numbers[file]})

    monkeypatch.setattr(environment, "find_library", lambda name: name)
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert environment.describe("pyav")["ffmpeg"]["system"] == "avcodec 59.37.100, avformat 59.27.100"
    monkeypatch.setattr(environment, "find_library", lambda name: None)
    assert "system" not in environment.describe("pyav")["ffmpeg"]


@pytest.mark.parametrize("text", DRIVERS)
def test_the_driver_is_read_from_the_kernel(text: str, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(text, encoding="utf-8")
    assert environment._driver(tmp_path / "version") == DRIVERS[text]
    assert environment._driver(tmp_path / "none") is None


@pytest.mark.parametrize(("cuda", "cudnn"), [(None, 91002), ("13.0", 91002), ("12.6", None)])
def test_cuda_is_that_of_the_loaded_torch(cuda: str | None, cudnn: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    version, backend = SimpleNamespace(cuda=cuda), SimpleNamespace(cudnn=SimpleNamespace(version=lambda: cudnn))
    loaded = SimpleNamespace(version=version, backends=backend, cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", loaded)
    found = environment.describe("pyav")
    assert (found["cuda"], found["cudnn"]) == (cuda, str(cudnn) if cuda and cudnn else None)
