"""The arguments of every verb, one function each."""

import argparse
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

from harness import __version__

Parser = argparse.ArgumentParser

FORMS = """A file of replies holds one row a query: JSON Lines, a JSON list, a JSON object by id or by video>>>query>>>span, CSV,
TSV or Parquet, also compressed by gzip. A row names its sample (id, qid, or video and query) and holds a text (text, response,
prediction …) or moments in seconds (pred, pred_relevant_windows …). docs/predictions.md shows every form with an example."""


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="harness", description="Evaluate when things happen: video temporal grounding.")
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = Parser(add_help=False)
    common.add_argument("--data-root", metavar="DIR", help="annotations and videos (default: $HARNESS_DATA, else the user cache)")
    usage = "file or folder of your own tasks, protocols, parsers, kinds, rewards, recipes; repeat for several"
    common.add_argument("--include", action="append", default=[], metavar="PATH", help=usage)
    usage = "options from a YAML file, or from the run.json of a run; what is typed wins"
    common.add_argument("--config", metavar="FILE", help=usage)
    common.add_argument("--debug", action="store_true", help="show tracebacks")
    for verb in (_run, _score, _train, _experiment, _compare, _board, _view, _export, _ls, _show, _data, _rewards, _new, _demo):
        verb(verbs, common)
    return parser


def _run(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    run = verbs.add_parser("run", parents=[common], help="evaluate a model; the same command continues an interrupted run")
    usage = "checkpoint or adapter folder, hub id, FILE.py:CLASS, replay:FILE, trivial model (harness ls models)"
    run.add_argument("--model", required=True, help=usage)
    run.add_argument("--tasks", "--task", required=True, help="names, comma-separated: charades,anet@val_1")
    _add_question_options(run)
    run.add_argument("--output", metavar="DIR", help="run folder (several tasks: one folder each below it)")
    usage = "a seeded choice of N samples, spread over videos; stamped on the run"
    run.add_argument("--limit", type=int, metavar="N", help=usage)
    _add_ids_option(run)
    run.add_argument("--seed", type=int, default=0, help="seed of --limit and of models that draw")
    run.add_argument("--max-errors", type=int, metavar="N", help="exit with 1 if more samples than this failed")
    backends = (
        "hf: transformers; vllm: its engine; openai: a server with its API; lmms:NAME, lmms-simple:NAME: a class of lmms-eval"
    )
    run.add_argument("--backend", default="hf", help=backends)
    run.add_argument("--reply-key", metavar="KEY", help="for replay:FILE: the key of the reply (default: what the file shows)")
    run.add_argument("--model-args", default="", metavar="ARGS", help="for that class: max_num_frames=64,fps=2")
    run.add_argument("--base-url", metavar="URL", help="server of --backend openai (key: OPENAI_API_KEY)")
    run.add_argument("--tensor-parallel", type=int, metavar="N", help="for --backend vllm: GPUs that the model is spread over")
    run.add_argument("--gpu-memory", type=float, metavar="F", help="for it: share of a GPU's memory that it may take, 0 to 1")
    run.add_argument("--max-model-len", type=int, metavar="N", help="for it: tokens of the longest prompt and its reply")
    run.add_argument("--price", type=float, nargs=2, metavar=("IN", "OUT"), help="dollars per million tokens, for a cost line")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    run.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    run.add_argument("--attn", default="sdpa", help="attention kernel: sdpa, eager, flash_attention_2")
    usage = "spread a model over the GPUs of this machine"
    run.add_argument("--device-map", choices=("auto",), help=usage)
    usage = "questions generated together, also on several videos; auto: as many as memory holds"
    run.add_argument("--batch-size", type=_batch_size, default=8, metavar="N|auto", help=usage)
    run.add_argument("--trust-remote-code", action="store_true", help="let a checkpoint run its own code")
    run.add_argument("--workers", type=int, default=1, metavar="N", help="decoding processes")
    run.add_argument("--deadline", type=float, default=120, metavar="S", help="seconds after which decoding a video is given up")


def _score(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    usage = "score a run, or a file of replies, again; needs no GPU"
    score = verbs.add_parser("score", parents=[common], help=usage, description=usage, epilog=FORMS)
    score.add_argument("path", help="run folder, or file of replies")
    score.add_argument("--tasks", "--task", dest="task", help="task of a file of replies: charades@test")
    _add_question_options(score)
    _add_ids_option(score)
    _add_file_options(score)
    usage = "one table: how far the number moves across protocols, and why"
    score.add_argument("--all-protocols", action="store_true", help=usage)
    score.add_argument("--json", action="store_true", help="print scores.json")
    score.add_argument("--choices", metavar="FILE", help="chosen options by sample, where spans stand in a file of their own")
    score.add_argument("--output", help="keep the scores of a file as a run in this folder, for harness board")
    score.add_argument("--system", metavar="NAME", help="what tables call the system of a file that is kept")


def _train(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    train = verbs.add_parser("train", parents=[common], help="train a model by a recipe; the same command continues")
    train.add_argument("--recipe", required=True, help="name (harness ls recipes) or YAML file")
    train.add_argument("--model", required=True, help="checkpoint folder or hub id")
    usage = "what to train on, with weights: charades@train,nextgqa@train:0.2"
    train.add_argument("--tasks", "--task", dest="task", required=True, metavar="MIX", help=usage)
    train.add_argument("--split", help="split of one task; task@split does the same")
    train.add_argument("--protocol", help="whose prompts and frames, by kind (default: the recipe's, else the task's own)")
    train.add_argument("--output", metavar="DIR", help="where the trained model, its checkpoints and its log go")
    train.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the recipe: learning_rate=1e-6")
    usage = "train adapters of this rank (16) in the text tower; they are merged into the saved model"
    train.add_argument("--lora", nargs="?", type=int, const=16, metavar="RANK", help=usage)
    train.add_argument("--videos", action="append", default=[], metavar="DIR", help="another folder of video files")
    _add_ids_option(train)
    train.add_argument("--seed", type=int, default=0, help="of order, sampling and adapters")
    train.add_argument("--skip-missing", action="store_true", help="leave out samples whose video is missing")
    train.add_argument("--dtype", default="auto", choices=("auto", "mixed", "float32", "bfloat16"))
    train.add_argument("--attn", default="sdpa", help="attention kernel: sdpa, eager")
    train.add_argument("--deadline", type=float, default=120, metavar="S", help="seconds after which decoding is given up")
    usage = "then run the model on these, comma-separated; runs go to OUTPUT/runs"
    train.add_argument("--evaluate", metavar="SPLITS", help=usage)
    train.add_argument("--modes", help="prompt modes of --evaluate (default: direct, or the protocol's only one)")
    train.add_argument("--dev-every", type=int, default=0, metavar="N", help="evaluate on the task's dev split every N steps")
    train.add_argument("--dev-limit", type=int, default=100, metavar="N", help="samples of dev for that")
    train.add_argument("--dry-run", action="store_true", help="print what would be trained: tokens, steps, memory")


def _experiment(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    experiment = verbs.add_parser("experiment", parents=[common], help="recipes x splits x seeds, trained, evaluated, compared")
    experiment.add_argument("file", help="YAML (see trainers/experiments)")
    experiment.add_argument("--output", metavar="DIR", help="where everything goes (default: experiments/NAME)")
    experiment.add_argument("--jobs", type=int, default=1, metavar="N", help="cells at work at a time")
    experiment.add_argument("--launcher", default="", metavar="CMD", help="put before each training: torchrun --nproc-per-node 4")
    usage = "leave these tasks out of every mix that is trained on, comma-separated: didemo,hacs-tal"
    experiment.add_argument("--without", metavar="TASKS", help=usage)
    usage = "print the commands, the number of trainings, and what is missing here"
    experiment.add_argument("--dry-run", action="store_true", help=usage)


def _compare(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    compare = verbs.add_parser("compare", parents=[common], help="runs against the first: paired, by video, with errors by type")
    compare.add_argument("runs", nargs="+", metavar="RUN", help="run folder or file of replies; seeds of one system: A1,A2,A3")
    compare.add_argument("--tasks", "--task", dest="task", help="task of files of replies: charades@test")
    _add_file_options(compare)
    compare.add_argument("--protocol", help="rules for all of them (default: their own)")
    compare.add_argument("--force", action="store_true", help="compare across splits or protocols; the table says so")
    compare.add_argument("--json", action="store_true", help="for machines")


def _board(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    board = verbs.add_parser("board", parents=[common], help="leaderboard of runs and published rows")
    board.add_argument("runs", nargs="*", metavar="RUN", help="run folders, folders of runs, files of replies, or a board.yaml")
    board.add_argument("--tasks", "--task", dest="task", help="task of files of replies: charades@test")
    board.add_argument("--protocol", help="rules for all of them: replies are scored again (default: their own)")
    board.add_argument("--layout", metavar="NAME", help="general, or a paper's table: tempsamp-1 … tempr1-5, timelens-bench")
    board.add_argument("--published", metavar="ROWS", help="tables, papers or YAML files, comma-separated; all; none")
    board.add_argument(
        "--name",
        "--label",
        dest="label",
        action="append",
        default=[],
        metavar="RUN=TEXT",
        help="what runs are called; RUN may hold *",
    )
    board.add_argument("--group", choices=("seeds", "none"), help="seeds (default): runs of one recipe are one row, mean ± sd")
    board.add_argument("--format", choices=("text", "md", "csv", "json", "latex", "html"), help="default: text")
    board.add_argument("--columns", metavar="NAMES", help="what is shown, in order, comma-separated: model,mIoU,R1@0.5,rank")
    board.add_argument("--output", metavar="FILE", help="write it there; an HTML page then links the pages of harness view")
    board.add_argument("--force", action="store_true", help="rank what is not comparable; the table says so")
    usage = "first score every run again from its replies; exit code 2 where its scores do not follow from them"
    board.add_argument("--verify", action="store_true", help=usage)


def _view(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    view = verbs.add_parser("view", parents=[common], help="a run, two side by side, or a folder of runs, as pages for a browser")
    view.add_argument("runs", nargs="+", metavar="RUN", help="run folder; two run folders; or a folder of runs")
    usage = "default: view.html in the run, comparison.html here for two, index.html in a folder of runs"
    view.add_argument("--output", metavar="FILE", help=usage)
    view.add_argument("--protocol", help="rules (default: those of the run)")
    view.add_argument("--videos", action="append", default=[], metavar="DIR", help="another folder of video files")
    view.add_argument("--force", action="store_true", help="show runs of other splits or protocols together; the page says so")
    plot = verbs.add_parser("plot", parents=[common], help="curves and histograms of runs as PNG or SVG")
    plot.add_argument("runs", nargs="+", metavar="RUN", help="run folders; or the folder of an experiment: its trainings")
    plot.add_argument("--output", required=True, metavar="FIG", help="FILE.png or FILE.svg")
    plot.add_argument("--protocol", help="rules (default: those of the runs)")
    plot.add_argument("--force", action="store_true", help="draw runs of other splits or protocols together; the title says so")


def _export(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    export = verbs.add_parser("export", parents=[common], help="every question of a run as a table; its metrics as a model card")
    export.add_argument("path", help="run folder, or file of replies")
    export.add_argument("--tasks", "--task", dest="task", help="task of a file of replies: charades@test")
    _add_file_options(export, ("last", "first", "refuse"))
    export.add_argument("--protocol", help="rules (default: those of the run)")
    export.add_argument("--format", choices=("parquet", "csv", "jsonl", "model-card"), help="default: by the name of the file")
    export.add_argument("--output", metavar="FILE", help="default: the terminal")
    push = verbs.add_parser("push", parents=[common], help="add the metrics of a run to a model card on the Hugging Face Hub")
    push.add_argument("path", metavar="RUN", help="run folder")
    push.add_argument("repo", metavar="REPO", help="model repository: owner/name")
    push.add_argument("--yes", action="store_true", help="do it; without this, only show what would become public")
    push.set_defaults(task=None, protocol=None)
    usage = "copy a finished run into a folder of results, as harness board DIR --verify checks it"
    submit = verbs.add_parser("submit", parents=[common], help=usage)
    submit.add_argument("path", metavar="RUN", help="run folder")
    submit.add_argument("--to", required=True, metavar="DIR", help="folder of results, such as a repository's results/")


def _ls(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    ls = verbs.add_parser("ls", parents=[common], help="list what there is")
    ls.add_argument("what", choices=("tasks", "protocols", "models", "recipes", "rewards", "lmms-path"))


def _show(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    show = verbs.add_parser("show", parents=[common], help="a task card or a protocol; prompt and frame times of one sample")
    show.add_argument("name", help="task, task@split, or protocol (protocol:NAME where a task has the same name)")
    show.add_argument("--sample", metavar="ID", help="which sample to render (default: the first)")
    show.add_argument("--model", help="checkpoint folder or hub id: the sample's prompt as it reaches that model, times and all")
    _add_question_options(show)


def _data(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    data = verbs.add_parser("data", help="annotations and videos")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", parents=[common], help="what is there, what is missing and where it was looked for")
    check.add_argument("name", nargs="?", help="names, comma-separated, or a JSONL of your own")
    check.add_argument("--tasks", "--task", help="the same")
    check.add_argument("--ids-out", metavar="FILE", help="write the ids of the samples that can be asked here, one a line")
    _add_question_options(check)
    fetch = actions.add_parser("fetch", parents=[common], help="download annotations, by hash; what broke off goes on")
    fetch.add_argument("--tasks", "--task", required=True, help="names, comma-separated: every split, or task@split")
    fetch.add_argument("--mirror", metavar="URL", help="address below which files lie as below the data root")
    fetch.add_argument("--offline", action="store_true", help="only say what is missing and where it is published")
    make = actions.add_parser("make", parents=[common], help="render the synthetic benchmark, or the clock videos")
    make.add_argument("what", nargs="?", default="synthetic", choices=("synthetic", "clock"))
    make.add_argument("--seed", type=int, default=0)
    usage = "all: a second set of videos, each asked as moment, pairs, choice, instances and union (tasks synthetic-KIND)"
    make.add_argument("--kinds", choices=("moment", "all"), default="moment", help=usage)


def _rewards(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    rewards = verbs.add_parser("rewards", help="reward functions")
    actions = rewards.add_subparsers(dest="action", required=True, metavar="ACTION")
    usage = "run your own reward through what ours must survive; exit code 1 if it breaks"
    gauntlet = actions.add_parser("check", parents=[common], help=usage)
    gauntlet.add_argument("file", metavar="FILE.py[:FUNCTION]", help="the file is run")
    usage = "a perfect reply, with {start} and {end}, or {times} and {scores} (default: the tags of the mode)"
    gauntlet.add_argument("--answer", metavar="TEXT", help=usage)
    gauntlet.add_argument("--seed", type=int, default=0, help="of the mixed replies and the order of the batch")


def _new(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    usage = "write a small working example of your own task, protocol, kind, model, reward or recipe, with its test"
    new = verbs.add_parser("new", parents=[common], help=usage)
    new.add_argument("what", choices=("task", "protocol", "kind", "model", "reward", "recipe"))
    new.add_argument("name", metavar="NAME", help="its name: small letters, digits, underscores")
    new.add_argument("--to", metavar="DIR", help="folder for the files (default: NAME)")


def _demo(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    usage = "three recipes trained and compared on the synthetic benchmark, in minutes"
    demo = verbs.add_parser("demo", parents=[common], help=usage)
    demo.add_argument("--output", metavar="DIR", default="demo", help="where data, models and runs go")


def _batch_size(text: str) -> int | str:
    return text if text == "auto" else int(text)


def _add_ids_option(parser: Parser) -> None:
    usage = "only the samples listed in FILE, one id a line (harness data check --ids-out); several: those in every one"
    parser.add_argument("--ids", action="append", default=[], metavar="FILE", help=usage)


def _add_file_options(parser: Parser, duplicates: Sequence[str] = ("last", "first", "mean", "refuse")) -> None:
    parser.add_argument("--reply-key", metavar="KEY", help="key of the reply in the rows of a file (default: as the file shows)")
    usage = "which of several rows for one sample counts (default: last)"
    parser.add_argument("--duplicates", choices=duplicates, default="last", help=usage)


def _add_question_options(parser: Parser) -> None:
    parser.add_argument("--split", help="split (default: the one the field reports); task@split does the same")
    parser.add_argument("--protocol", help="rules (harness ls protocols); default: the task's own")
    parser.add_argument("--modes", help="prompt modes, comma-separated: direct,cot (default: direct, or the protocol's only one)")
    parser.add_argument("--videos", action="append", default=[], metavar="DIR", help="another folder of video files")


def given(function: Callable[..., Any], options: argparse.Namespace) -> dict[str, Any]:
    """The options of a verb that a function takes, by their common names."""
    return {name: getattr(options, name) for name in signature(function).parameters if name in options}
