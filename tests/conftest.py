"""Fixtures every test folder shares."""

import gc
import hashlib
import json
import os
from pathlib import Path

import hypothesis
import pytest

# On a busy machine what is right can be slow.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Tiny tensors gain nothing from threads, and the workers of pytest wait for each other's. Children inherit the setting."""

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skipped-to", help="a file for the names of the tests that skipped, one a line: .ci/run runs them again")


def pytest_collection_finish() -> None:
    """Trainings collect garbage, and would look through the tests and every module that they import each time."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if file := config.getoption("--skipped-to"):
        names = dict.fromkeys(report.nodeid for report in terminalreporter.stats.get("skipped", []))
        Path(file).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real annotation files; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data folder is not beside the project: real annotations are not redistributed")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests neither read a user's data root nor write to a user's cache nor reach a hub."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def benchmark_root(tmp_path: Path) -> Path:
    """Data root with a `synthetic` benchmark of annotations only: 40 train and 12 test videos, three queries each."""
    return write_benchmark(tmp_path / "data", {"train": 40, "dev": 4, "test": 12})


def write_benchmark(root: Path, videos: dict[str, int]) -> Path:
    """Write annotations and manifest in the form `harness data make` gives them; no video files."""
    folder = root / "synthetic"
    folder.mkdir(parents=True)
    splits = {}
    for split, count in videos.items():
        content = {
            f"{split}_{i:04d}": {
                "duration": 16 + 4 * (i % 3),
                "timestamps": [[1, 4 + i % 3], [8, 11], [13, 15]],
                "sentences": ["red circle", "blue square", "white cross"],
            }
            for i in range(count)
        }
        text = json.dumps(content)
        (folder / f"{split}.json").write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        splits[split] = {"file": f"{split}.json", "sha256": digest, "videos": count, "queries": 3 * count}
    (folder / "manifest.json").write_text(json.dumps({"schema": "vtg-harness/synthetic/1", "seed": 0, "splits": splits}))
    return root
