"""`harness submit`."""

import sys
from argparse import Namespace
from pathlib import Path

from harness.paths import data_root
from leaderboards import results


def main(options: Namespace) -> int:
    """Copy a finished run into a folder of results."""
    folder = results.submit(Path(options.path), Path(options.to), data_root(options.data_root))
    sys.stdout.write(f"{folder}\n")
    return 0
