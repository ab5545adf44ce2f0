"""`python -m harness.lmms_tasks eval …`: the command line of lmms-eval, beside any build of torch, knowing our tasks.

The same as `python -m lmms_eval eval … --include_path "$(harness ls lmms-path)"`, which needs a torchvision whose own library
loads. Two more things differ: a machine without a GPU is told to the model class, and an evaluation that failed ends with 1.
"""

import sys
from argparse import Namespace
from typing import Any

import harness.models  # noqa: F401  (makes torchvision importable, see harness.models.stack)
from harness import extras
from harness.lmms_tasks import write
from tasks.errors import InputError


def main() -> int:
    """Run the command; return its exit code."""
    try:
        command = extras.package("lmms_eval.cli.dispatch", "lmms-eval")
        tasks = write.folder()
    except InputError as error:
        sys.stderr.write(f"harness.lmms_tasks: bad input\n{error}\n")
        return 2
    failed: list[Exception] = []
    if sys.argv[1:2] == ["eval"]:
        _prepare(str(tasks), failed)
    command.main()
    return int(bool(failed))


def _prepare(tasks: str, failed: list[Exception]) -> None:
    """Have every evaluation know our tasks and its device, and its exception kept: lmms-eval prints it and ends with 0."""
    from lmms_eval import __main__ as command

    evaluate = command.cli_evaluate_single

    def single(arguments: Namespace) -> Any:
        try:
            arguments.include_path = arguments.include_path or tasks
            arguments.model_args = _with_device(arguments)
            return evaluate(arguments)
        except Exception as error:
            failed.append(error)
            raise

    command.cli_evaluate_single = single


def _with_device(arguments: Namespace) -> Any:
    """The arguments of the model class, on a machine without a GPU with a device."""
    from lmms_eval.models import get_model
    from lmms_eval.utils import simple_parse_args_string

    from harness.models.lmms_arguments import devices
    from harness.models.options import Options

    given = arguments.model_args or ""
    kind = get_model(arguments.model, arguments.force_simple)
    known = simple_parse_args_string(given) | ({} if arguments.device is None else {"device": arguments.device})
    missing = {name: device for name, device in devices(kind, Options()).items() if device == "cpu" and name not in known}
    if not missing:
        return arguments.model_args
    added = ",".join(f"{name}={device}" for name, device in missing.items())
    sys.stderr.write(f"harness.lmms_tasks: no GPU here; --model_args gets {added}\n")
    return f"{given},{added}".lstrip(",")


if __name__ == "__main__":
    raise SystemExit(main())
