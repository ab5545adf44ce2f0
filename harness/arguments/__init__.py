"""The arguments of every verb, one function each."""

import argparse
from collections.abc import Callable
from inspect import signature
from typing import Any

from harness import __version__
from harness.arguments.shared import ACTION, Parser, add_file_options, add_ids_option, add_question_options, batch_size
from harness.arguments.training import demo, experiment, new, rewards, train

FORMS = """A file of predictions holds one row for each query. The file is JSON Lines, a JSON list, a JSON object by id, CSV, TSV
or Parquet, possibly compressed by gzip. A row names its sample by id, qid, or video and query. A row holds a text (text,
response, prediction …) or moments in seconds (pred, pred_relevant_windows …). docs/predictions.md shows every form."""
HELP = "harness COMMAND --help explains each command."


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="harness", description="Evaluate and train models for video temporal grounding.")
    parser.add_argument("--version", action="version", version=f"harness {__version__}", help="Show the version and exit.")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help=HELP)
    common = Parser(add_help=False)
    common.add_argument(
        "--data-root", metavar="DIR", help="Folder of annotations and videos (default: $HARNESS_DATA, else the user cache)."
    )
    usage = "Annotation file that lies elsewhere, known by its SHA-256: FILE or TASK=FILE. Repeatable."
    common.add_argument("--annotations", action="append", default=[], metavar="FILE", help=usage)
    usage = "File or folder with your own tasks, protocols, parsers, kinds, models, rewards or recipes. Repeatable."
    common.add_argument("--include", action="append", default=[], metavar="PATH", help=usage)
    usage = "Read options from a YAML file, or from the run.json of a run. Typed options win."
    common.add_argument("--config", metavar="FILE", help=usage)
    common.add_argument("--debug", action="store_true", help="Show tracebacks of errors.")
    for verb in (_run, _score, train, experiment, _compare, _board, _view, _export, _ls, _show, _data, rewards, new, demo):
        verb(verbs, common)
    return parser


def _run(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    run = verbs.add_parser("run", parents=[common], help="Evaluate a model. The same command continues an interrupted run.")
    usage = "Checkpoint or adapter folder, hub id, FILE.py:CLASS, replay:FILE, or a name of harness ls models."
    run.add_argument("--model", required=True, help=usage)
    run.add_argument("--tasks", "--task", required=True, help="Task names, comma-separated: charades,anet@val_1.")
    add_question_options(run)
    run.add_argument("--output", metavar="DIR", help="Run folder. Several tasks get one folder each below DIR.")
    usage = "Evaluate a seeded choice of N samples, those with a video at hand first. The table marks the run as LIMITED."
    run.add_argument("--limit", type=int, metavar="N", help=usage)
    usage = "Cut replies at N tokens, for a quick try. The table then names another protocol."
    run.add_argument("--max-new-tokens", type=int, metavar="N", help=usage)
    add_ids_option(run)
    usage = "Send the scores to trackers, comma-separated: wandb, tensorboard, mlflow."
    run.add_argument("--report-to", metavar="NAMES", help=usage)
    run.add_argument("--seed", type=int, default=0, help="Random seed of --limit and of sampled decoding.")
    run.add_argument("--max-errors", type=int, metavar="N", help="Exit with code 1 if more than N samples fail.")
    backends = (
        "hf runs transformers, vllm runs the vLLM engine, openai asks a server. "
        "lmms:NAME or lmms-simple:NAME runs a model class of lmms-eval."
    )
    run.add_argument("--backend", default="hf", help=backends)
    run.add_argument("--reply-key", metavar="KEY", help="Key of the reply in replay:FILE (default: detected).")
    run.add_argument(
        "--model-args", default="", metavar="ARGS", help="Arguments of the lmms-eval model class: max_num_frames=64,fps=2."
    )
    run.add_argument(
        "--base-url", metavar="URL", help="Address of the server for --backend openai. OPENAI_API_KEY holds the key."
    )
    run.add_argument("--tensor-parallel", type=int, metavar="N", help="Number of GPUs that hold the model (--backend vllm).")
    run.add_argument("--gpu-memory", type=float, metavar="F", help="Share of GPU memory for the engine, 0 to 1 (--backend vllm).")
    run.add_argument(
        "--max-model-len", type=int, metavar="N", help="Tokens of the longest prompt with its reply (--backend vllm)."
    )
    run.add_argument(
        "--price", type=float, nargs=2, metavar=("IN", "OUT"), help="Dollars per million tokens. The summary then shows the cost."
    )
    run.add_argument("--device", default="auto", help="Device: auto, cpu, cuda, cuda:1.")
    run.add_argument(
        "--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"), help="Number format of weights."
    )
    run.add_argument("--attn", default="sdpa", help="Attention kernel: sdpa, eager, flash_attention_2.")
    usage = "Spread the model over all GPUs of this machine."
    run.add_argument("--device-map", choices=("auto",), help=usage)
    usage = "Questions per batch, also across videos. auto takes as many as memory holds."
    run.add_argument("--batch-size", type=batch_size, default=8, metavar="N|auto", help=usage)
    run.add_argument("--trust-remote-code", action="store_true", help="Allow a checkpoint to run its own code.")
    run.add_argument("--workers", type=int, default=1, metavar="N", help="Number of processes that decode videos.")
    run.add_argument("--deadline", type=float, default=120, metavar="S", help="Give up decoding a video after S seconds.")


def _score(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    usage = "Score a run or a file of predictions. This command needs no GPU."
    score = verbs.add_parser("score", parents=[common], help=usage, description=usage, epilog=FORMS)
    score.add_argument("path", help="Run folder, or file of predictions.")
    score.add_argument("--tasks", "--task", dest="task", help="Task of a file of predictions: charades@test.")
    add_question_options(score)
    add_ids_option(score)
    add_file_options(score)
    usage = "Show in one table how the score changes across protocols, and why."
    score.add_argument("--all-protocols", action="store_true", help=usage)
    score.add_argument("--json", action="store_true", help="Print the scores as JSON.")
    score.add_argument("--choices", metavar="FILE", help="Second file, with the chosen option of each sample.")
    score.add_argument("--output", help="Keep the scores of a file as a run folder, for harness board.")
    score.add_argument("--system", metavar="NAME", help="Name of the system in tables, for --output.")


def _compare(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    compare = verbs.add_parser(
        "compare", parents=[common], help="Compare runs with the first one, question by question, or diagnose a single run."
    )
    compare.add_argument(
        "runs", nargs="+", metavar="RUN", help="Run folder or file of predictions. Commas join the seeds of one system: A1,A2,A3."
    )
    compare.add_argument("--tasks", "--task", dest="task", help="Task of files of predictions: charades@test.")
    add_file_options(compare)
    compare.add_argument("--protocol", help="Protocol for all runs (default: the protocol of each run).")
    compare.add_argument("--force", action="store_true", help="Compare across splits or protocols. The table says FORCED.")
    compare.add_argument("--json", action="store_true", help="Print the comparison as JSON.")


def _board(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    board = verbs.add_parser("board", parents=[common], help="Print a leaderboard of runs and published rows.")
    board.add_argument("runs", nargs="*", metavar="RUN", help="Run folders, folders of runs, files of replies, or a board.yaml.")
    board.add_argument("--tasks", "--task", dest="task", help="Task of files of replies: charades@test.")
    usage = "Protocol that scores all replies again (default: the protocol of each run)."
    board.add_argument("--protocol", help=usage)
    board.add_argument(
        "--layout", metavar="NAME", help="Layout: general, or the table of a paper: tempsamp-1 … tempr1-5, timelens-bench."
    )
    board.add_argument(
        "--published", metavar="ROWS", help="Published rows: tables, papers or YAML files, comma-separated, or all, or none."
    )
    naming: dict[str, Any] = {"dest": "label", "action": "append", "default": [], "metavar": "RUN=TEXT"}
    board.add_argument("--name", "--label", **naming, help="Name of runs in the table. RUN may contain *.")
    board.add_argument(
        "--group",
        choices=("seeds", "none"),
        help="seeds (default) shows runs of one recipe as one row, mean ± standard deviation.",
    )
    board.add_argument("--format", choices=("text", "md", "csv", "json", "latex", "html"), help="Output format (default: text).")
    usage = "Columns of the table, in order, comma-separated: model,mIoU,R1@0.5,rank."
    board.add_argument("--columns", metavar="NAMES", help=usage)
    usage = "Write the table to this file. An HTML page then links the pages of harness view."
    board.add_argument("--output", metavar="FILE", help=usage)
    board.add_argument("--force", action="store_true", help="Rank rows that are not comparable. The table says FORCED.")
    usage = "Score every run again from its replies first. Exit with code 2 where the scores differ."
    board.add_argument("--verify", action="store_true", help=usage)


def _view(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    view = verbs.add_parser(
        "view", parents=[common], help="Write pages for a browser: one run, two runs side by side, or a folder of runs."
    )
    view.add_argument("runs", nargs="+", metavar="RUN", help="One or two run folders, or a folder of runs.")
    usage = "Output file (default: view.html in the run, comparison.html for two runs, index.html for a folder)."
    view.add_argument("--output", metavar="FILE", help=usage)
    view.add_argument("--protocol", help="Protocol (default: the protocol of the run).")
    view.add_argument("--videos", action="append", default=[], metavar="DIR", help="Another folder of video files. Repeatable.")
    view.add_argument(
        "--force", action="store_true", help="Show runs of other splits or protocols together. The page says FORCED."
    )
    plot = verbs.add_parser("plot", parents=[common], help="Draw curves and histograms of runs as PNG or SVG.")
    plot.add_argument(
        "runs", nargs="+", metavar="RUN", help="Run folders, or the folder of an experiment for its training curves."
    )
    plot.add_argument("--output", required=True, metavar="FIG", help="Output file: FILE.png or FILE.svg.")
    plot.add_argument("--protocol", help="Protocol (default: the protocol of the runs).")
    plot.add_argument(
        "--force", action="store_true", help="Draw runs of other splits or protocols together. The title says FORCED."
    )


def _export(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    export = verbs.add_parser(
        "export", parents=[common], help="Export the questions of a run as a table, or its metrics as a model card."
    )
    export.add_argument("path", help="Run folder, or file of predictions.")
    export.add_argument("--tasks", "--task", dest="task", help="Task of a file of predictions: charades@test.")
    add_file_options(export, ("last", "first", "refuse"))
    export.add_argument("--protocol", help="Protocol (default: the protocol of the run).")
    export.add_argument(
        "--format", choices=("parquet", "csv", "jsonl", "model-card"), help="Output format (default: from the name of the file)."
    )
    export.add_argument("--output", metavar="FILE", help="Output file (default: the terminal).")
    push = verbs.add_parser("push", parents=[common], help="Add the metrics of a run to a model card on the Hugging Face Hub.")
    push.add_argument("path", metavar="RUN", help="Run folder.")
    push.add_argument("repo", metavar="REPO", help="Model repository: owner/name.")
    push.add_argument(
        "--yes", action="store_true", help="Publish. Without --yes, the command only shows what would become public."
    )
    push.set_defaults(task=None, protocol=None)
    usage = "Copy a finished run into a folder of results. harness board DIR --verify checks such folders."
    submit = verbs.add_parser("submit", parents=[common], help=usage)
    submit.add_argument("path", metavar="RUN", help="Run folder.")
    submit.add_argument("--to", required=True, metavar="DIR", help="Folder of results, such as results/ of a repository.")


def _ls(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    ls = verbs.add_parser("ls", parents=[common], help="List tasks, protocols, models, recipes or rewards.")
    usage = "List to print. lmms-path is the folder of our tasks for lmms-eval."
    ls.add_argument("what", choices=("tasks", "protocols", "models", "recipes", "rewards", "lmms-path"), help=usage)


def _show(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    show = verbs.add_parser(
        "show", parents=[common], help="Show a protocol, a recipe, or a task with the prompt and frame times of one sample."
    )
    show.add_argument("name", help="Task, task@split, recipe, or protocol. protocol:NAME is a protocol with the name of a task.")
    show.add_argument("--sample", metavar="ID", help="Sample to show (default: the first).")
    show.add_argument("--model", help="Show the prompt as this checkpoint reads it, with all times.")
    show.add_argument("--trust-remote-code", action="store_true", help="Allow a checkpoint to run its own code.")
    add_question_options(show)


def _data(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    data = verbs.add_parser("data", help="Check, fetch or make annotations and videos.")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION", help=ACTION)
    check = actions.add_parser(
        "check", parents=[common], help="List annotations and videos, what is missing, and the folders that were searched."
    )
    check.add_argument("name", nargs="?", help="Task names, comma-separated, or your own JSONL file.")
    check.add_argument("--tasks", "--task", help="Task names, as NAME.")
    check.add_argument("--ids-out", metavar="FILE", help="Write the ids of samples with a video to FILE, one a line.")
    add_question_options(check)
    fetch = actions.add_parser(
        "fetch", parents=[common], help="Download annotations and verify their SHA-256. Interrupted downloads resume."
    )
    fetch.add_argument("--tasks", "--task", required=True, help="Task names, comma-separated. task@split fetches a single split.")
    fetch.add_argument("--mirror", metavar="URL", help="Address of a mirror with the folders of the data root.")
    fetch.add_argument(
        "--offline", action="store_true", help="Download nothing. List missing files and where they are published."
    )
    make = actions.add_parser("make", parents=[common], help="Render the synthetic benchmark, or the clock videos.")
    make.add_argument("what", nargs="?", default="synthetic", choices=("synthetic", "clock"), help="Videos to render.")
    make.add_argument("--seed", type=int, default=0, help="Random seed of the videos.")
    usage = "all renders a second set of videos, with questions of five kinds (tasks synthetic-KIND)."
    make.add_argument("--kinds", choices=("moment", "all"), default="moment", help=usage)


def given(function: Callable[..., Any], options: argparse.Namespace) -> dict[str, Any]:
    """The options of a verb that a function takes, by their common names."""
    return {name: getattr(options, name) for name in signature(function).parameters if name in options}
