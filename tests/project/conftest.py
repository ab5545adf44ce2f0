"""The project's own files, and a benchmark small enough to be written here."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

VIDEOS = {"train": ("a", "b", "c", *(f"t{i:03}" for i in range(240))), "test": ("d", "e")}
EVENTS = {"a red circle": [0.5, 4.0], "a blue square": [5.0, 9.25]}


@pytest.fixture(scope="session")
def project() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def settings(project: Path) -> dict[str, Any]:
    """The content of `pyproject.toml`."""
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def constraints(project: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Version by package in `constraints.txt`: those the project asks for, and those that these bring."""
    asked, brought = (project / "constraints.txt").read_text(encoding="utf-8").split("# what these bring\n")
    return _versions(asked), _versions(brought)


def _versions(text: str) -> dict[str, str]:
    return dict(line.split("==") for line in text.splitlines() if line and not line.startswith("#"))


@pytest.fixture(scope="session")
def pins(constraints: tuple[dict[str, str], dict[str, str]]) -> dict[str, str]:
    """Version by package of those that the project asks for."""
    return constraints[0]


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a synthetic benchmark of two queries a video, without the videos."""
    root = tmp_path_factory.mktemp("data")
    (root / "synthetic").mkdir()
    video = {"duration": 10.0, "timestamps": list(EVENTS.values()), "sentences": list(EVENTS)}
    splits = {}
    for split, videos in VIDEOS.items():
        content = json.dumps(dict.fromkeys(videos, video)).encode()
        (root / "synthetic" / f"{split}.json").write_bytes(content)
        splits[split] = {
            "file": f"{split}.json",
            "sha256": hashlib.sha256(content).hexdigest(),
            "videos": len(videos),
            "queries": len(videos) * len(EVENTS),
        }
    (root / "synthetic" / "manifest.json").write_text(json.dumps({"splits": splits}), encoding="utf-8")
    return root
