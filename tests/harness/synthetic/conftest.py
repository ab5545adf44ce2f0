"""What the tests of this folder share."""

from pathlib import Path

import pytest

from harness.synthetic.clock import ClockVideo, make_clock
from harness.synthetic.make import make

SIZES = {"train": 4, "dev": 2, "test": 12}


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data root with a small synthetic benchmark."""
    root = tmp_path_factory.mktemp("data")
    make(root, 0, SIZES)
    return root


@pytest.fixture(scope="session")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> list[ClockVideo]:
    """The clock set."""
    return make_clock(tmp_path_factory.mktemp("clocks"))
