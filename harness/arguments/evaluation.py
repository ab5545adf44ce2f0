"""The arguments of verbs that ask models, score replies and look at data, one function each."""

from harness.arguments.shared import (
    ACTION,
    Parser,
    Verbs,
    add_file_options,
    add_ids_option,
    add_question_options,
    batch_size,
    verb,
)

FORMS = """A file of predictions holds one row for each query. The file is JSON Lines, a JSON list, a JSON object by id, CSV, TSV
or Parquet, possibly compressed by gzip. A row names its sample by id, qid, or video and query. A row holds a text (text,
response, prediction …) or moments in seconds (pred, pred_relevant_windows …). docs/predictions.md shows every form."""


def run(verbs: Verbs) -> None:
    """Arguments of `harness run`."""
    examples = (
        "run --model whole-video --tasks synthetic --output runs/whole",
        "run --model middle-half --tasks synthetic --output runs/middle",
        "run --model CKPT --tasks charades,anet@val_1 --videos DIR --output runs/mine",
        "run --model CKPT --tasks charades --limit 50 --output runs/quick",
    )
    run = verb(verbs, "run", "Evaluate a model. The same command continues an interrupted run.", *examples)
    usage = "Checkpoint or adapter folder, hub id, FILE.py:CLASS, replay:FILE, or a name of harness ls models."
    run.add_argument("--model", required=True, help=usage)
    run.add_argument("--tasks", "--task", required=True, help="Task names, comma-separated: charades,anet@val_1.")
    run.add_argument("--output", metavar="DIR", help="Run folder. Several tasks get one folder each below DIR.")
    asked = run.add_argument_group("questions and rules")
    add_question_options(asked)
    usage = "Evaluate a seeded choice of N samples, those with a video at hand first. The table marks the run as LIMITED."
    asked.add_argument("--limit", type=int, metavar="N", help=usage)
    usage = "Cut replies at N tokens, for a quick try. The table then names another protocol."
    asked.add_argument("--max-new-tokens", type=int, metavar="N", help=usage)
    add_ids_option(asked)
    asked.add_argument(
        "--seed", type=int, default=0, help="Random seed of --limit and of sampled decoding (default: %(default)s)."
    )
    asked.add_argument("--reply-key", metavar="KEY", help="Key of the reply in replay:FILE (default: detected).")
    told = run.add_argument_group("reports")
    usage = "Send the scores to trackers, comma-separated: wandb, tensorboard, mlflow."
    told.add_argument("--report-to", metavar="NAMES", help=usage)
    told.add_argument("--max-errors", type=int, metavar="N", help="Exit with code 1 if more than N samples fail.")
    usage = "Dollars per million tokens. The summary then shows the cost."
    told.add_argument("--price", type=float, nargs=2, metavar=("IN", "OUT"), help=usage)
    _add_engine(run)


def _add_engine(run: Parser) -> None:
    engine = run.add_argument_group("model and machine")
    usage = (
        "hf (default) runs transformers, vllm runs the vLLM engine, openai asks a server. "
        "lmms:NAME or lmms-simple:NAME runs a model class of lmms-eval."
    )
    engine.add_argument("--backend", default="hf", help=usage)
    usage = "Arguments of the lmms-eval model class: max_num_frames=64,fps=2."
    engine.add_argument("--model-args", default="", metavar="ARGS", help=usage)
    usage = "Address of the server for --backend openai. OPENAI_API_KEY holds the key."
    engine.add_argument("--base-url", metavar="URL", help=usage)
    usage = "Number of GPUs that hold the model (--backend vllm)."
    engine.add_argument("--tensor-parallel", type=int, metavar="N", help=usage)
    usage = "Share of GPU memory for the engine, 0 to 1 (--backend vllm)."
    engine.add_argument("--gpu-memory", type=float, metavar="F", help=usage)
    usage = "Tokens of the longest prompt with its reply (--backend vllm)."
    engine.add_argument("--max-model-len", type=int, metavar="N", help=usage)
    engine.add_argument("--device", default="auto", help="Device, such as cpu, cuda or cuda:1 (default: %(default)s).")
    numbers = ("auto", "float32", "bfloat16", "float16")
    engine.add_argument("--dtype", default="auto", choices=numbers, help="Number format of weights (default: %(default)s).")
    engine.add_argument(
        "--attn", default="sdpa", help="Attention kernel, such as eager or flash_attention_2 (default: %(default)s)."
    )
    engine.add_argument("--device-map", choices=("auto",), help="Spread the model over all GPUs of this machine.")
    usage = "Questions per batch, also across videos. auto takes as many as memory holds (default: %(default)s)."
    engine.add_argument("--batch-size", type=batch_size, default=8, metavar="N|auto", help=usage)
    engine.add_argument("--trust-remote-code", action="store_true", help="Allow a checkpoint to run its own code.")
    engine.add_argument(
        "--workers", type=int, default=1, metavar="N", help="Number of processes that decode videos (default: %(default)s)."
    )
    engine.add_argument(
        "--deadline",
        type=float,
        default=120,
        metavar="S",
        help="Give up decoding a video after S seconds (default: %(default)s).",
    )


def score(verbs: Verbs) -> None:
    """Arguments of `harness score`."""
    examples = (
        "score runs/whole",
        "score runs/whole --all-protocols",
        "score predictions.jsonl --tasks charades",
        'score predictions.jsonl --tasks charades --output runs/theirs --system "Their model"',
    )
    score = verb(verbs, "score", "Score a run or a file of predictions. This command needs no GPU.", *examples, more=FORMS)
    score.add_argument("path", metavar="PATH", help="Run folder, or file of predictions.")
    score.add_argument("--tasks", "--task", dest="task", help="Task of a file of predictions: charades@test.")
    usage = "Show in one table how the score changes across protocols, and why."
    score.add_argument("--all-protocols", action="store_true", help=usage)
    score.add_argument("--json", action="store_true", help="Print the scores as JSON.")
    score.add_argument("--output", metavar="DIR", help="Keep the scores of a file as a run folder, for harness board.")
    score.add_argument("--system", metavar="NAME", help="Name of the system in tables, for --output.")
    asked = score.add_argument_group("questions and rules")
    add_question_options(asked)
    add_ids_option(asked)
    files = add_file_options(score)
    files.add_argument("--choices", metavar="FILE", help="Second file, with the chosen option of each sample.")


def ls(verbs: Verbs) -> None:
    """Arguments of `harness ls`."""
    ls = verb(verbs, "ls", "List tasks, protocols, models, recipes or rewards.", "ls tasks", "ls protocols", "ls models")
    usage = "List to print. lmms-path is the folder of our tasks for lmms-eval."
    ls.add_argument("what", choices=("tasks", "protocols", "models", "recipes", "rewards", "lmms-path"), help=usage)


def show(verbs: Verbs) -> None:
    """Arguments of `harness show`."""
    usage = "Show a protocol, a recipe, or a task with the prompt and frame times of one sample."
    show = verb(verbs, "show", usage, "show synthetic", "show default", "show tempsamp", "show synthetic --model CKPT")
    show.add_argument(
        "name", metavar="NAME", help="Task, task@split, recipe, or protocol. protocol:NAME is a protocol with the name of a task."
    )
    show.add_argument("--sample", metavar="ID", help="Sample to show (default: the first).")
    show.add_argument("--model", help="Show the prompt as this checkpoint reads it, with all times.")
    show.add_argument("--trust-remote-code", action="store_true", help="Allow a checkpoint to run its own code.")
    add_question_options(show)


def data(verbs: Verbs) -> None:
    """Arguments of `harness data`."""
    examples = ("data make", "data check synthetic", "data fetch --tasks charades")
    data = verb(verbs, "data", "Check, fetch or make annotations and videos.", *examples)
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION", help=ACTION)
    usage = "List annotations and videos, what is missing, and the folders that were searched."
    check = verb(actions, "check", usage, "data check synthetic", "data check charades --videos DIR --ids-out ids.txt")
    check.add_argument("name", metavar="NAME", nargs="?", help="Task names, comma-separated, or your own JSONL file.")
    check.add_argument("--tasks", "--task", help="Task names, comma-separated, in place of NAME.")
    check.add_argument("--ids-out", metavar="FILE", help="Write the ids of samples with a video to FILE, one a line.")
    add_question_options(check)
    usage = "Download annotations and verify their SHA-256. Interrupted downloads resume."
    fetch = verb(actions, "fetch", usage, "data fetch --tasks charades", "data fetch --tasks charades,anet --offline")
    fetch.add_argument("--tasks", "--task", required=True, help="Task names, comma-separated. task@split fetches a single split.")
    fetch.add_argument("--mirror", metavar="URL", help="Address of a mirror with the folders of the data root.")
    usage = "Download nothing. List missing files and where they are published."
    fetch.add_argument("--offline", action="store_true", help=usage)
    make = verb(actions, "make", "Render the synthetic benchmark, or the clock videos.", "data make", "data make clock")
    make.add_argument(
        "what", nargs="?", default="synthetic", choices=("synthetic", "clock"), help="Videos to render (default: %(default)s)."
    )
    make.add_argument("--seed", type=int, default=0, help="Random seed of the videos (default: %(default)s).")
    usage = "all renders a second set of videos, with questions of five kinds (tasks synthetic-KIND)."
    make.add_argument("--kinds", choices=("moment", "all"), default="moment", help=usage)
