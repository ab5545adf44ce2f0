"""The arguments of verbs about training and of one's own additions, one function each."""

from harness.arguments.shared import ACTION, Parser, Verbs, add_ids_option, verb


def train(verbs: Verbs) -> None:
    """Arguments of `harness train`."""
    examples = (
        "train --recipe sft --model CKPT --tasks charades@train --output ckpts/sft --dry-run",
        "train --recipe tempsamp --model CKPT --tasks charades@train --output ckpts/ts",
        "train --recipe tempr1 --model CKPT --tasks charades@train,nextgqa@train:0.5",
    )
    train = verb(verbs, "train", "Train a model by a recipe. The same command continues an interrupted training.", *examples)
    train.add_argument("--recipe", required=True, help="Name of a recipe (harness ls recipes), or a YAML file.")
    train.add_argument("--model", required=True, help="Checkpoint folder or hub id.")
    usage = "Splits to train on, with weights: charades@train,nextgqa@train:0.2."
    train.add_argument("--tasks", "--task", dest="task", required=True, metavar="MIX", help=usage)
    train.add_argument("--output", metavar="DIR", help="Folder for the trained model, its checkpoints and its log.")
    train.add_argument("--dry-run", action="store_true", help="Print tokens, steps and memory, and train nothing.")
    rules = train.add_argument_group("recipe")
    usage = "Change a value of the recipe: learning_rate=1e-6."
    rules.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=usage)
    usage = "Train LoRA adapters of this rank (default: 16) in the language model. The saved model contains the adapters."
    rules.add_argument("--lora", nargs="?", type=int, const=16, metavar="RANK", help=usage)
    rules.add_argument("--load-in-4bit", action="store_true", help="Keep the text tower in four bits below --lora (QLoRA).")
    rules.add_argument(
        "--seed", type=int, default=0, help="Random seed of data order, sampling and adapters (default: %(default)s)."
    )
    rules.add_argument("--protocol", help="Protocol of prompts and frames (default: from the recipe, else from the task).")
    _add_samples(train)
    machine = train.add_argument_group("machine")
    numbers = ("auto", "mixed", "float32", "bfloat16")
    machine.add_argument("--dtype", default="auto", choices=numbers, help="Number format of weights (default: %(default)s).")
    machine.add_argument("--attn", default="sdpa", help="Attention kernel, sdpa or eager (default: %(default)s).")
    machine.add_argument(
        "--deadline",
        type=float,
        default=120,
        metavar="S",
        help="Give up decoding a video after S seconds (default: %(default)s).",
    )
    asked = train.add_argument_group("evaluation")
    usage = "Evaluate the trained model on these splits, comma-separated. Runs go to OUTPUT/runs."
    asked.add_argument("--evaluate", metavar="SPLITS", help=usage)
    asked.add_argument("--modes", help="Prompt modes of --evaluate (default: direct, or the only mode of the protocol).")
    asked.add_argument("--dev-every", type=int, default=0, metavar="N", help="Evaluate on the dev split every N steps.")
    asked.add_argument(
        "--dev-limit", type=int, default=100, metavar="N", help="Number of dev samples for --dev-every (default: %(default)s)."
    )


def _add_samples(train: Parser) -> None:
    samples = train.add_argument_group("samples")
    samples.add_argument("--split", help="Split of a single task. task@split names a split as well.")
    usage = "Another folder of video files. Repeatable."
    samples.add_argument("--videos", action="append", default=[], metavar="DIR", help=usage)
    add_ids_option(samples)
    samples.add_argument("--skip-missing", action="store_true", help="Leave out samples without a video file.")


def experiment(verbs: Verbs) -> None:
    """Arguments of `harness experiment`."""
    usage = "Train, evaluate and compare recipes over splits and seeds."
    examples = ("experiment demo --dry-run", "experiment my.yaml --output experiments/mine --jobs 2")
    experiment = verb(verbs, "experiment", usage, *examples)
    experiment.add_argument("file", metavar="FILE", help="YAML file, or a name from trainers/experiments.")
    experiment.add_argument("--output", metavar="DIR", help="Folder for models and runs (default: experiments/NAME).")
    experiment.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="Number of trainings at a time (default: %(default)s)."
    )
    usage = "Command that starts each training: torchrun --nproc-per-node 4."
    experiment.add_argument("--launcher", default="", metavar="CMD", help=usage)
    usage = "Leave these tasks out of every training mix, comma-separated: didemo,hacs-tal."
    experiment.add_argument("--without", metavar="TASKS", help=usage)
    usage = "Print all commands and what this machine lacks, and train nothing."
    experiment.add_argument("--dry-run", action="store_true", help=usage)


def rewards(verbs: Verbs) -> None:
    """Arguments of `harness rewards`."""
    example = "rewards check my_reward/my_reward.py"
    rewards = verb(verbs, "rewards", "Check reward functions.", "new reward my_reward", example)
    actions = rewards.add_subparsers(dest="action", required=True, metavar="ACTION", help=ACTION)
    usage = "Run your own reward through the checks of all rewards. Exit with code 1 if a check fails."
    gauntlet = verb(actions, "check", usage, example)
    gauntlet.add_argument("file", metavar="FILE.py[:FUNCTION]", help="Python file, which this command runs.")
    usage = "A perfect reply, with {start} and {end}, or {times} and {scores} (default: the tags of the mode)."
    gauntlet.add_argument("--answer", metavar="TEXT", help=usage)
    gauntlet.add_argument(
        "--seed", type=int, default=0, help="Random seed of the test replies and of their order (default: %(default)s)."
    )


def new(verbs: Verbs) -> None:
    """Arguments of `harness new`."""
    usage = "Write a small working example of your own task, protocol, kind, model, reward or recipe, with its test."
    new = verb(verbs, "new", usage, "new task my_task", "ls tasks --include my_task", "new reward my_reward")
    new.add_argument("what", choices=("task", "protocol", "kind", "model", "reward", "recipe"), help="Example to write.")
    new.add_argument("name", metavar="NAME", help="Name of the example: small letters, digits, underscores.")
    new.add_argument("--to", metavar="DIR", help="Folder for the files (default: NAME).")


def demo(verbs: Verbs) -> None:
    """Arguments of `harness demo`."""
    usage = "Train and compare three recipes on the synthetic benchmark, in minutes."
    demo = verb(verbs, "demo", usage, "demo --output demo")
    demo.add_argument("--output", metavar="DIR", default="demo", help="Folder for data, models and runs (default: %(default)s).")
