"""A model of one's own: a class in a file, `--model mine.py:Mine`, or an object in memory; docs/own-model.md shows one."""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

import numpy as np

from harness.frames import Frames, wrong_by_s
from harness.models import torchvision_fix
from harness.models.base import AnswerError, Reply
from harness.models.trivial import NAMES
from harness.records import MODEL_ERROR
from tasks import outside, user_file
from tasks.errors import Failure, InputError, quoted, unknown
from tasks.question import Question

SUFFIX = ".py"
STEP = "compare it with the example of docs/own-model.md"
Function = Callable[[Frames, Question], str | Reply | Failure]
"""A reply to one question on the frames of its video."""


class Answering(Protocol):
    """An object that answers, as docs/own-model.md describes it."""

    def answer(self, frames: Any, questions: Any, /) -> Any:
        """One reply for each question."""


def added() -> dict[str, outside.Thing]:
    """Models that files from outside bring, by name. Raises InputError where a name is taken."""
    return outside.added("models", NAMES)


def is_own(name: str) -> bool:
    """Whether `--model` names a Python file, a class in one, or a model from outside."""
    return name in added() or ((name.endswith(SUFFIX) or f"{SUFFIX}:" in name) and not Path(name).is_dir())


def fingerprint(name: str) -> str:
    """SHA-256 of the file: a changed file is another model. Raises InputError where there is none."""
    path, _ = _divided(name)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError("a Python file with a model", f"{path}: {error.strerror}", STEP) from error


def load(name: str) -> "OwnModel":
    """Run the file and make a model of the class. Raises InputError, with the line, where one of them cannot be used."""
    # Before the file imports transformers, whose video processors need torchvision.
    torchvision_fix.install()
    digest, (path, wanted) = fingerprint(name), _divided(name)
    kind = _class(added()[name].load() if name in added() else user_file.run(path, STEP), path, wanted)
    try:
        model = kind()
    except (Exception, SystemExit) as error:
        if isinstance(error, InputError):
            raise
        found = user_file.told(error, path)
        raise InputError(f"{kind.__name__}(), which takes no arguments and raises nothing", found, STEP) from error
    return OwnModel(name, path, digest, kind.__qualname__, model)


def in_memory(model: Answering | Function) -> "OwnModel":
    """A model of a function, or of an object with `answer`, known by the source of its code. Raises InputError without one.

    What the code reads besides, such as weights, is in the identity of a run only where `describe` of the object tells it.
    """
    answers = hasattr(model, "answer")
    code = model if inspect.isroutine(model) else type(model)
    functions = [code] if inspect.isroutine(code) else [f for f in vars(code).values() if inspect.isfunction(f)]
    name = code.__qualname__.rpartition(">.")[2]
    try:
        source = "".join(inspect.getsource(function) for function in functions)
        path = Path(inspect.getfile(functions[0]))
    except (TypeError, OSError, IndexError) as error:
        expected = "a function of frames and a question, or an object with `answer`, whose source Python can read"
        raise InputError(expected, f"{name}: {error}", "put the model in FILE.py, as docs/own-model.md shows") from error
    digest = hashlib.sha256(source.encode()).hexdigest()
    return OwnModel(name, path, digest, name, model if answers else SimpleNamespace(answer=_for_each(model)))  # type: ignore[arg-type]


def _for_each(function: Function) -> Callable[[Frames, Sequence[Question]], list[Any]]:
    @functools.wraps(function)
    def answer(frames: Frames, questions: Sequence[Question]) -> list[Any]:
        return [function(frames, question) for question in questions]

    return answer


class OwnModel:
    """An object of a user's class as a `harness.models.base.Model`.

    The class has `answer(frames, questions)`. It may have `pixel_factor` (28), `needs_video` (true), `describe()`, and `told_s`:
    the times it has just told its model, in seconds, one for each frame; they are compared with the times of the frames.
    """

    def __init__(self, name: str, path: Path, digest: str, called: str, model: Any) -> None:
        self.name = name
        self._path, self._digest, self._called, self._model = path, digest, called, model
        self.needs_video = self._setting("needs_video", True)
        self.pixel_factor = self._factor()
        self._check_signature()

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`: the file by its hash, and what the class says of itself."""
        sampling = {} if self.pixel_factor else {"sampling": "the class's own; the protocol's rules for frames do not apply"}
        return {
            "name": self.name,
            "backend": "own",
            "class": self._called,
            "fingerprint": self._digest,
            "described": self._described(),
            **sampling,
            "clock": "the class's own; its told_s, where it has one, is compared with the times of the frames",
            "sight": "not probed: a class of one's own shows no logits",
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:
        """What the class replies. Raises AnswerError where it raises, and InputError where it does not give what it should."""
        # The class may change what it is given; its clock is held against the times as they were.
        own = None if frames is None else replace(frames, time_s=frames.time_s.copy())
        try:
            replies = self._model.answer(own, list(questions))
            told_s = getattr(self._model, "told_s", None)
        except (InputError, AnswerError):
            raise
        except (Exception, SystemExit) as error:
            kind = "out-of-memory" if type(error).__name__ == "OutOfMemoryError" else MODEL_ERROR
            raise AnswerError(Failure(kind, user_file.told(error, self._path))) from error
        if not isinstance(replies, list | tuple) or len(replies) != len(questions):
            shown = f"{len(replies)} in a {_kind(replies)}" if isinstance(replies, list | tuple) else f"a {_kind(replies)}"
            raise self._wrong(f"a list of one reply for each of {len(questions)} questions", shown)
        wrong_s = self._wrong_clock(frames, told_s)
        return [self._reply(reply, question, frames, wrong_s) for reply, question in zip(replies, questions, strict=True)]

    def _reply(self, reply: Any, question: Question, frames: Frames | None, wrong_s: float | None) -> Reply | Failure:
        if isinstance(reply, Failure):
            return reply
        if isinstance(reply, str):
            shown = None if frames is None else frames.fingerprint()
            reply = Reply(reply, hashlib.sha256(f"{question.text}\n{shown}".encode()).hexdigest())
        if not isinstance(reply, Reply) or not isinstance(reply.text, str):
            raise self._wrong("replies that are texts, or harness.models.base.Reply with a text", f"a {_kind(reply)}")
        return reply if wrong_s is None else reply._replace(wrong_clock_s=wrong_s)

    def _wrong_clock(self, frames: Frames | None, told_s: Any) -> float | None:
        if told_s is None or frames is None:
            return None
        try:
            times_s = np.asarray(told_s, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._wrong("told_s: seconds, one for each frame", f"{_kind(told_s)}: {error}") from error
        if times_s.shape != frames.time_s.shape or not np.isfinite(times_s).all():
            expected = f"told_s: {len(frames.time_s)} finite seconds, one for each frame"
            raise self._wrong(expected, f"values of shape {times_s.shape}, {int(np.isfinite(times_s).sum())} of them finite")
        return wrong_by_s(times_s, frames.time_s, float(np.diff(frames.time_s).max(initial=0.0)))

    def _setting(self, name: str, default: bool) -> bool:
        if not isinstance(value := getattr(self._model, name, default), bool):
            raise InputError(f"{name} of {self._called}: true or false", f"{self._path}: {value!r}", STEP)
        return value

    def _factor(self) -> int | None:
        value = getattr(self._model, "pixel_factor", 28)
        if value is not None and (type(value) is not int or not 1 <= value <= 1024):
            expected = f"pixel_factor of {self._called}: an integer, or None where it reads the file itself"
            raise InputError(expected, f"{self._path}: {value!r}", STEP)
        return value

    def _check_signature(self) -> None:
        answer = inspect.unwrap(self._model.answer)
        if inspect.iscoroutinefunction(answer) or inspect.isgeneratorfunction(answer):
            raise self._wrong("a plain method that returns a list", "one with `async` or `yield`")
        try:
            inspect.signature(answer).bind(None, [])
        except TypeError as error:
            raise self._wrong("answer(self, frames, questions)", str(error)) from error

    def _described(self) -> dict[str, Any]:
        if not hasattr(self._model, "describe"):
            return {}
        try:
            described = self._model.describe()
            if not isinstance(described, dict):
                raise TypeError(f"describe() gave a {_kind(described)}")
            plain: dict[str, Any] = json.loads(json.dumps(described, allow_nan=False))
        except (Exception, SystemExit) as error:
            found = user_file.told(error, self._path)
            raise InputError("describe() that returns a mapping of texts and numbers", found, STEP) from error
        return plain

    def _wrong(self, expected: str, found: str) -> InputError:
        """An error about what `answer` is or gives, with the line where it begins."""
        code = getattr(inspect.unwrap(self._model.answer), "__code__", None)
        where = f"{self._path}, line {code.co_firstlineno}" if code is not None else str(self._path)
        return InputError(f"{expected}, from answer of {self._called}", f"{where}: {found}", STEP)


def _divided(name: str) -> tuple[Path, str]:
    """The file, and the class in it; an empty text where none is named."""
    if (thing := added().get(name)) is not None:
        return thing.path, ""
    stem, colon, wanted = name.rpartition(f"{SUFFIX}:")
    return (Path(f"{stem}{SUFFIX}"), wanted) if colon else (Path(name), "")


def _class(module: ModuleType, path: Path, wanted: str) -> type:
    """The class of this name, or the only one of the file that answers. Raises InputError."""
    classes = {key: value for key, value in vars(module).items() if inspect.isclass(value)}
    able = [k for k, v in classes.items() if v.__module__ == module.__name__ and callable(getattr(v, "answer", None))]
    if not wanted and len(able) != 1:
        found = f"{path}: {', '.join(able) or 'none'}"
        raise InputError("one class with `answer(self, frames, questions)`, or its name", found, f"--model {quoted(path)}:CLASS")
    if wanted and wanted not in classes:
        expected = f"a class of {path}: {', '.join(able) or 'it has none with `answer`'}"
        raise InputError(expected, unknown(wanted, classes), f"--model {quoted(path)}:{(able or ['CLASS'])[0]}")
    if not callable(getattr(kind := classes[wanted or able[0]], "answer", None)):
        line = inspect.getsourcelines(kind)[1] if kind.__module__ == module.__name__ else 1
        raise InputError("a class with `answer(self, frames, questions)`", f"{path}, line {line}: {wanted} has none", STEP)
    return kind


def _kind(value: Any) -> str:
    return type(value).__name__
