"""The options of a verb, as they are typed and from `--config FILE`, a YAML file or a `run.json`. What is typed wins."""

import argparse
import functools
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness import yaml_file
from harness.secret import MARK
from harness.store import RUN_SCHEMA
from tasks.errors import InputError, quoted, unknown

Parser = argparse.ArgumentParser
NOT_KEYS = ("help", "config", "command", "action")
MISSING = "the following arguments are required: "
JOINED = ("tasks", "modes", "report_to", "published", "columns", "without", "evaluate", "name")
"""Options that take several words joined by commas, for which a list stands in a file."""
STEP = "harness {} --help lists every option; a key is an option without its dashes"


def parse(build: Callable[[], Parser], arguments: Sequence[str] | None, typed: Sequence[str]) -> argparse.Namespace:
    """Parse a command line, `typed` where `arguments` is None, with what its `--config` files add. Raises InputError."""
    first = Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--config", action="append", default=[])
    named: list[str] = first.parse_known_args(typed)[0].config
    built = build()
    verb, parser = _deepest(built, typed)
    for one in (built, parser):
        one.error = functools.partial(_refuse, f"harness {verb}".strip())  # type: ignore[method-assign]
    off = (
        {f"--no-{key}": action.dest for action in _actions(parser) if _is_flag(action) for key in _names(action)} if named else {}
    )
    _refuse_unknown(verb, parser, [word for word in typed if word not in off])
    if not named:
        return built.parse_args(arguments)
    if len(named) > 1:
        raise InputError("one --config", " ".join(named), f"--config {quoted(named[0])}")
    values = _values(Path(named[0]), verb, build, {action.dest: action for action in _actions(parser)})
    for action in _actions(parser):
        if action.dest in values:
            # Absent from what was typed, it stays absent, and a list of the file does not grow by what is typed.
            action.default, action.required = argparse.SUPPRESS, False
            if not action.option_strings:
                action.nargs = "*" if action.nargs == "+" else "?"
    options = built.parse_args([word for word in typed if word not in off])
    for key in {off[word] for word in typed if word in off} & values.keys():
        values[key] = False
    for key, value in values.items():
        if not hasattr(options, key):
            setattr(options, key, value)
    return options


def _is_flag(action: argparse.Action) -> bool:
    return isinstance(action, argparse._StoreTrueAction)


def _refuse_unknown(verb: str, parser: Parser, typed: Sequence[str]) -> None:
    """Raises InputError, with the nearest, where an option is typed that the verb does not have; argparse may begin one short."""
    known = [name for action in parser._actions for name in action.option_strings if name.startswith("--")]
    for word in itertools.takewhile(lambda word: word != "--", typed):
        name = word.partition("=")[0]
        if verb and name.startswith("--") and not any(one.startswith(name) for one in known):
            step = f"harness {verb} --help"
            if verb == "train":
                key = name.lstrip("-").replace("-", "_")
                step += f", or --set {key}=VALUE for a value of the recipe (harness show RECIPE lists them)"
            raise InputError(f"an option of harness {verb}: {', '.join(known)}", unknown(name, known), step)


def _refuse(command: str, message: str) -> NoReturn:
    """End as argparse does, with what it says in the words of other errors."""
    choice = re.fullmatch(r"argument (.+?): invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
    expected, found = f"arguments as {command} --help lists them", message
    if choice is not None:
        words = choice[3].replace("'", "").split(", ")
        expected, found = f"{choice[1]}: {', '.join(words)}", unknown(choice[2], words)
    elif message.startswith(MISSING):
        expected, found = message.removeprefix(MISSING), "not given"
    sys.stderr.write(f"{command}: bad input\n{InputError(expected, found, f'{command} --help')}\n")
    sys.exit(2)


def _actions(parser: Parser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.dest not in NOT_KEYS]


def _deepest(parser: Parser, typed: Sequence[str]) -> tuple[str, Parser]:
    """The parser of the verb, or of the action of a verb, that was typed, with its name."""
    name = ""
    for word in typed:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                name, parser = f"{name} {word}".strip(), action.choices[word]
                break
    return name, parser


def _values(path: Path, verb: str, build: Callable[[], Parser], actions: Mapping[str, argparse.Action]) -> dict[str, Any]:
    """What a file says, by the names that the parser gives to options."""
    if path.suffix == ".json":
        return _of_run(path, verb, build, actions)
    what = f"a YAML file with options of harness {verb}: a mapping with some of the keys {', '.join(_keys(actions))}"
    content = yaml_file.read(path, what, STEP.format(verb))
    found = {}
    for key, value in content.items():
        action = next((one for one in actions.values() if key.replace("_", "-") in _names(one)), None)
        where = f"{path} line {content.lines[key]}"
        if action is None:
            known = _keys(actions)
            expected = f"an option of harness {verb}: {', '.join(known)}"
            raise InputError(expected, f"{where}: {unknown(key, known)}", STEP.format(verb))
        if action.dest in found:
            raise InputError(f"{next(_names(action))} once", f"{where}: {key!r}, again", STEP.format(verb))
        found[action.dest] = _value(action, value, f"{where}: {key}", verb)
    return found


def _names(action: argparse.Action) -> Iterator[str]:
    yield from (name.lstrip("-") for name in action.option_strings or [action.dest])


def _keys(actions: Mapping[str, argparse.Action]) -> list[str]:
    return [next(_names(action)) for action in actions.values()]


def _value(action: argparse.Action, value: Any, where: str, verb: str) -> Any:
    """A value as the command line would have given it."""
    if _is_flag(action):
        if not isinstance(value, bool):
            raise InputError("true or false", f"{where}: {value!r}", STEP.format(verb))
        return value
    if value is True and action.nargs == "?" and action.const is not None:
        return action.const
    many = isinstance(action, argparse._AppendAction) or action.nargs in ("+", "*") or isinstance(action.nargs, int)
    parts = value if many and isinstance(value, list) else [value]
    if isinstance(value, list) and not many:
        if action.dest not in JOINED:
            raise InputError("one value", f"{where}: a list", STEP.format(verb))
        parts = [",".join(map(str, value))]  # as lists of tasks and modes are typed
    if not parts or any(isinstance(part, dict | list | bool | type(None)) for part in parts):
        raise InputError("a text or number, or a list of them", f"{where}: {value!r}", STEP.format(verb))
    if isinstance(action.nargs, int) and len(parts) != action.nargs:
        raise InputError(f"{action.nargs} values", f"{where}: {value!r}", STEP.format(verb))
    try:
        made = [action.type(str(part)) if callable(action.type) else str(part) for part in parts]
    except (ValueError, argparse.ArgumentTypeError) as error:
        kinds: dict[Any, str] = {int: "an integer", float: "a number"}
        kind = kinds.get(action.type, "a value that the option takes")
        raise InputError(kind, f"{where}: {value!r}", STEP.format(verb)) from error
    for part in made:
        if action.choices is not None and part not in action.choices:
            known = list(map(str, action.choices))
            raise InputError(f"one of {', '.join(known)}", f"{where}: {unknown(str(part), known)}", STEP.format(verb))
    return made if many else made[0]


def _of_run(path: Path, verb: str, build: Callable[[], Parser], actions: Mapping[str, argparse.Action]) -> dict[str, Any]:
    """The options of the command that made a run, but for where it went and what was a secret."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        command = [str(part) for part in document["sessions"][-1]["command"]]
        if document["schema"] != RUN_SCHEMA or command[1] != verb:
            raise ValueError(f"schema {document['schema']}, command {' '.join(command[:2])}")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        found = f"{path}: {type(error).__name__}: {error}"
        raise InputError(f"a YAML file, or the run.json of a harness {verb}", found, STEP.format(verb)) from error
    made = vars(build().parse_args(command[1:]))
    kept = {key: value for key, value in made.items() if key in actions and key != "output" and MARK not in str(value)}
    return {key: value for key, value in kept.items() if value != actions[key].default}
