"""The arguments of verbs that compare and show results, one function each."""

from typing import Any

from harness.arguments.shared import Verbs, add_file_options, verb


def compare(verbs: Verbs) -> None:
    """Arguments of `harness compare`."""
    usage = "Compare runs with the first one, question by question, or diagnose a single run."
    examples = (
        "compare runs/whole runs/middle",
        "compare runs/middle",
        "compare A-seed0,A-seed1,A-seed2 B-seed0,B-seed1,B-seed2",
        "compare runs/mine predictions.jsonl --tasks charades",
    )
    compare = verb(verbs, "compare", usage, *examples)
    usage = "Run folder or file of predictions. Commas join the seeds of one system: A1,A2,A3."
    compare.add_argument("runs", nargs="+", metavar="RUN", help=usage)
    compare.add_argument("--tasks", "--task", dest="task", help="Task of files of predictions: charades@test.")
    compare.add_argument("--protocol", help="Protocol for all runs (default: the protocol of each run).")
    compare.add_argument("--force", action="store_true", help="Compare across splits or protocols. The table says FORCED.")
    compare.add_argument("--json", action="store_true", help="Print the comparison as JSON.")
    add_file_options(compare)


def board(verbs: Verbs) -> None:
    """Arguments of `harness board`."""
    examples = (
        "board runs",
        "board runs --output board.html",
        "board runs --format latex --columns model,mIoU,R1@0.5",
        "board results --verify",
        "board runs/mine --layout tempsamp-1",
    )
    board = verb(verbs, "board", "Print a leaderboard of runs and published rows.", *examples)
    board.add_argument("runs", nargs="*", metavar="RUN", help="Run folders, folders of runs, files of replies, or a board.yaml.")
    board.add_argument("--output", metavar="FILE", help="Write the table to this file. An HTML page then links run pages.")
    usage = "Score every run again from its replies first. Exit with code 2 where the scores differ."
    board.add_argument("--verify", action="store_true", help=usage)
    rows = board.add_argument_group("rows")
    rows.add_argument("--tasks", "--task", dest="task", help="Task of files of replies: charades@test.")
    usage = "Protocol that scores all replies again (default: the protocol of each run)."
    rows.add_argument("--protocol", help=usage)
    usage = "Published rows: tables, papers or YAML files, comma-separated, or all, or none."
    rows.add_argument("--published", metavar="ROWS", help=usage)
    naming: dict[str, Any] = {"dest": "label", "action": "append", "default": [], "metavar": "RUN=TEXT"}
    rows.add_argument("--name", "--label", **naming, help="Name of runs in the table. RUN may contain *.")
    usage = "seeds (default) shows runs of one recipe as one row, mean ± standard deviation."
    rows.add_argument("--group", choices=("seeds", "none"), help=usage)
    rows.add_argument("--force", action="store_true", help="Rank rows that are not comparable. The table says FORCED.")
    form = board.add_argument_group("form")
    usage = "Layout: general, or the table of a paper: tempsamp-1 … tempr1-5, timelens-bench."
    form.add_argument("--layout", metavar="NAME", help=usage)
    form.add_argument("--format", choices=("text", "md", "csv", "json", "latex", "html"), help="Output format (default: text).")
    usage = "Columns of the table, in order, comma-separated: model,mIoU,R1@0.5,rank."
    form.add_argument("--columns", metavar="NAMES", help=usage)


def view(verbs: Verbs) -> None:
    """Arguments of `harness view`."""
    usage = "Write pages for a browser: one run, two runs side by side, or a folder of runs."
    view = verb(verbs, "view", usage, "view runs/whole", "view runs/whole runs/middle --output both.html", "view runs")
    view.add_argument("runs", nargs="+", metavar="RUN", help="One or two run folders, or a folder of runs.")
    usage = "Output file (default: view.html in the run, comparison.html for two runs, index.html for a folder)."
    view.add_argument("--output", metavar="FILE", help=usage)
    view.add_argument("--protocol", help="Protocol (default: the protocol of the run).")
    view.add_argument("--videos", action="append", default=[], metavar="DIR", help="Another folder of video files. Repeatable.")
    usage = "Show runs of other splits or protocols together. The page says FORCED."
    view.add_argument("--force", action="store_true", help=usage)


def plot(verbs: Verbs) -> None:
    """Arguments of `harness plot`."""
    usage = "Draw curves and histograms of runs as PNG or SVG."
    plot = verb(verbs, "plot", usage, "plot runs/whole runs/middle --output curves.svg", "plot EXPERIMENT --output training.png")
    usage = "Run folders, or the folder of an experiment for its training curves."
    plot.add_argument("runs", nargs="+", metavar="RUN", help=usage)
    plot.add_argument("--output", required=True, metavar="FIG", help="Output file: FILE.png or FILE.svg.")
    plot.add_argument("--protocol", help="Protocol (default: the protocol of the runs).")
    usage = "Draw runs of other splits or protocols together. The title says FORCED."
    plot.add_argument("--force", action="store_true", help=usage)


def export(verbs: Verbs) -> None:
    """Arguments of `harness export`."""
    usage = "Export the questions of a run as a table, or its metrics as a model card."
    examples = ("export runs/whole --output questions.csv", "export runs/whole --format model-card")
    export = verb(verbs, "export", usage, *examples)
    export.add_argument("path", metavar="PATH", help="Run folder, or file of predictions.")
    export.add_argument("--output", metavar="FILE", help="Output file (default: the terminal).")
    formats = ("parquet", "csv", "jsonl", "model-card")
    export.add_argument("--format", choices=formats, help="Output format (default: from the name of the file).")
    export.add_argument("--protocol", help="Protocol (default: the protocol of the run).")
    export.add_argument("--tasks", "--task", dest="task", help="Task of a file of predictions: charades@test.")
    add_file_options(export, ("last", "first", "refuse"))


def push(verbs: Verbs) -> None:
    """Arguments of `harness push`."""
    usage = "Add the metrics of a run to a model card on the Hugging Face Hub."
    push = verb(verbs, "push", usage, "push runs/mine OWNER/NAME", "push runs/mine OWNER/NAME --yes")
    push.add_argument("path", metavar="RUN", help="Run folder.")
    push.add_argument("repo", metavar="REPO", help="Model repository: owner/name.")
    usage = "Publish. Without --yes, the command only shows what would become public."
    push.add_argument("--yes", action="store_true", help=usage)
    push.set_defaults(task=None, protocol=None)


def submit(verbs: Verbs) -> None:
    """Arguments of `harness submit`."""
    usage = "Copy a finished run into a folder of results. harness board DIR --verify checks such folders."
    submit = verb(verbs, "submit", usage, "submit runs/whole --to results")
    submit.add_argument("path", metavar="RUN", help="Run folder.")
    submit.add_argument("--to", required=True, metavar="DIR", help="Folder of results, such as results/ of a repository.")
