"""`harness compare`."""

import json
import sys
from argparse import Namespace

from harness import api
from harness.arguments import given
from leaderboards.compare.text import report


def main(options: Namespace) -> int:
    """Compare every run with the first, paired by sample, and type the errors of each; a single run is diagnosed alone."""
    found = api.compare(*options.runs, **given(api.compare, options))
    sys.stderr.write("".join(f"{note}\n" for note in found.notes))
    sys.stdout.write(json.dumps(found.result, indent=1) + "\n" if options.json else report(found.result))
    return 0
