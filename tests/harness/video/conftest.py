"""What the tests of this folder share."""

import sys
from pathlib import Path

import pytest

from tasks.protocol import VideoRules

# Worker processes import `pool_reads` by name; they inherit this path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def rules() -> VideoRules:
    """The rules of the default protocol."""
    return VideoRules("pyav", 2.0, 4, 768, 16 * 28**2, 768 * 28**2, 3584 * 28**2)
