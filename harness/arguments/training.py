"""The arguments of verbs about training and of one's own additions, one function each."""

import argparse

from harness.arguments.shared import ACTION, Parser, add_ids_option


def train(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    """Arguments of `harness train`."""
    train = verbs.add_parser(
        "train", parents=[common], help="Train a model by a recipe. The same command continues an interrupted training."
    )
    train.add_argument("--recipe", required=True, help="Name of a recipe (harness ls recipes), or a YAML file.")
    train.add_argument("--model", required=True, help="Checkpoint folder or hub id.")
    usage = "Splits to train on, with weights: charades@train,nextgqa@train:0.2."
    train.add_argument("--tasks", "--task", dest="task", required=True, metavar="MIX", help=usage)
    train.add_argument("--split", help="Split of a single task. task@split names a split as well.")
    train.add_argument("--protocol", help="Protocol of prompts and frames (default: from the recipe, else from the task).")
    train.add_argument("--output", metavar="DIR", help="Folder for the trained model, its checkpoints and its log.")
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="Change a value of the recipe: learning_rate=1e-6."
    )
    usage = "Train LoRA adapters of this rank (default: 16) in the language model. The saved model contains the adapters."
    train.add_argument("--lora", nargs="?", type=int, const=16, metavar="RANK", help=usage)
    train.add_argument("--load-in-4bit", action="store_true", help="Keep the text tower in four bits below --lora (QLoRA).")
    train.add_argument("--videos", action="append", default=[], metavar="DIR", help="Another folder of video files. Repeatable.")
    add_ids_option(train)
    train.add_argument("--seed", type=int, default=0, help="Random seed of data order, sampling and adapters.")
    train.add_argument("--skip-missing", action="store_true", help="Leave out samples without a video file.")
    train.add_argument(
        "--dtype", default="auto", choices=("auto", "mixed", "float32", "bfloat16"), help="Number format of weights."
    )
    train.add_argument("--attn", default="sdpa", help="Attention kernel: sdpa, eager.")
    train.add_argument("--deadline", type=float, default=120, metavar="S", help="Give up decoding a video after S seconds.")
    usage = "Evaluate the trained model on these splits, comma-separated. Runs go to OUTPUT/runs."
    train.add_argument("--evaluate", metavar="SPLITS", help=usage)
    train.add_argument("--modes", help="Prompt modes of --evaluate (default: direct, or the only mode of the protocol).")
    train.add_argument("--dev-every", type=int, default=0, metavar="N", help="Evaluate on the dev split every N steps.")
    train.add_argument("--dev-limit", type=int, default=100, metavar="N", help="Number of dev samples for --dev-every.")
    train.add_argument("--dry-run", action="store_true", help="Print tokens, steps and memory, and train nothing.")


def experiment(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    """Arguments of `harness experiment`."""
    experiment = verbs.add_parser(
        "experiment", parents=[common], help="Train, evaluate and compare recipes over splits and seeds."
    )
    experiment.add_argument("file", help="YAML file, or a name from trainers/experiments.")
    experiment.add_argument("--output", metavar="DIR", help="Folder for models and runs (default: experiments/NAME).")
    experiment.add_argument("--jobs", type=int, default=1, metavar="N", help="Number of trainings at a time.")
    experiment.add_argument(
        "--launcher", default="", metavar="CMD", help="Command that starts each training: torchrun --nproc-per-node 4."
    )
    usage = "Leave these tasks out of every training mix, comma-separated: didemo,hacs-tal."
    experiment.add_argument("--without", metavar="TASKS", help=usage)
    usage = "Print all commands and what this machine lacks, and train nothing."
    experiment.add_argument("--dry-run", action="store_true", help=usage)


def rewards(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    """Arguments of `harness rewards`."""
    rewards = verbs.add_parser("rewards", help="Check reward functions.")
    actions = rewards.add_subparsers(dest="action", required=True, metavar="ACTION", help=ACTION)
    usage = "Run your own reward through the checks of all rewards. Exit with code 1 if a check fails."
    gauntlet = actions.add_parser("check", parents=[common], help=usage)
    gauntlet.add_argument("file", metavar="FILE.py[:FUNCTION]", help="Python file, which this command runs.")
    usage = "A perfect reply, with {start} and {end}, or {times} and {scores} (default: the tags of the mode)."
    gauntlet.add_argument("--answer", metavar="TEXT", help=usage)
    gauntlet.add_argument("--seed", type=int, default=0, help="Random seed of the test replies and of their order.")


def new(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    """Arguments of `harness new`."""
    usage = "Write a small working example of your own task, protocol, kind, model, reward or recipe, with its test."
    new = verbs.add_parser("new", parents=[common], help=usage)
    new.add_argument("what", choices=("task", "protocol", "kind", "model", "reward", "recipe"), help="Example to write.")
    new.add_argument("name", metavar="NAME", help="Name of the example: small letters, digits, underscores.")
    new.add_argument("--to", metavar="DIR", help="Folder for the files (default: NAME).")


def demo(verbs: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    """Arguments of `harness demo`."""
    usage = "Train and compare three recipes on the synthetic benchmark, in minutes."
    demo = verbs.add_parser("demo", parents=[common], help=usage)
    demo.add_argument("--output", metavar="DIR", default="demo", help="Folder for data, models and runs.")
