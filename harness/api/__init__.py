"""The harness in Python: what the verbs of the command line do, as objects that show themselves as tables (see docs/api.md).

Names, defaults and errors are those of the verbs, which call these functions.
"""

from harness.api.boards import Board, board
from harness.api.experiments import CellsError, Finished, experiment
from harness.api.pages import Page, view
from harness.api.runs import compare, load_run, run, score
from harness.api.told import explain
from harness.api.training import Trained, train
from harness.recorded import Recorded as Run
from leaderboards.compare.text import Comparison
from tasks.errors import InputError

__all__ = [
    "Board",
    "CellsError",
    "Comparison",
    "Finished",
    "InputError",
    "Page",
    "Run",
    "Trained",
    "board",
    "compare",
    "experiment",
    "load_run",
    "run",
    "score",
    "train",
    "view",
]

explain([run, score, compare, board, view, train, experiment])


def __dir__() -> list[str]:
    """What is public, for the completion of notebooks."""
    return __all__
