"""Any model class of lmms-eval over our tasks: it reads the video file itself, so what it was told about time is measured."""

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lmms_eval import models as registry
from lmms_eval.api.instance import Instance, unwrap_generation_output
from loguru import logger
from tqdm import tqdm

from harness.frames import Frames
from harness.models import lmms_reader, sight
from harness.models.base import Reply
from harness.models.chat import generation, messages, refuse
from harness.models.checkpoint import check_whole, fingerprint, weights
from harness.models.lmms_arguments import arguments
from harness.models.lmms_clock import Ear, Told, told
from harness.models.naming import local
from harness.models.options import Options
from harness.records import MISSING_VIDEO, MODEL_ERROR
from harness.secret import hidden
from harness.synthetic.make import encode
from harness.video.failure import DecodeError
from harness.video.times import frame_times
from tasks.errors import Failure, InputError, unknown
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import PromptRules

PROBE_FRAMES, PROBE_SIDE = 48, 64
PROBE_QUESTION = "Is there anything to see?"
TASK, SPLIT = "harness", "test"


def load(model: str, name: str, simple: bool, protocol: Protocol, options: Options) -> "LmmsModel":
    """Open a model in a class of lmms-eval, `qwen2_5_vl`, and ask about a probe video, to see that it answers and what it hears.

    `simple` takes the simple class where there is a chat class as well. Raises InputError where there is no such class, it cannot
    be opened or cannot answer, or it cannot be told the rules of the protocol.
    """
    names = registry.list_available_models(include_aliases=True)
    if name not in names:
        raise InputError("the name of a model of lmms-eval", unknown(name, names), "python -m lmms_eval models")
    if Path(model).is_dir():
        check_whole(Path(model))
        weights(Path(model))
    logger.remove()
    logger.add(sys.stderr, level=0, filter={"": "WARNING", "harness": "INFO"})
    reader = lmms_reader.install()
    torch.manual_seed(options.seed)
    try:
        kind = registry.get_model(name, force_simple=simple)
        check_protocol(protocol, kind.is_simple)
        lm = kind(**arguments(kind, model, options))
    except InputError:
        raise
    except Exception as error:
        step = "look at the arguments of that class; --model-args gives arguments"
        if isinstance(error, ModuleNotFoundError):
            step = f"install the package that brings {error.name}, often pip install {error.name}"
        raise InputError(f"a model that {name} of lmms-eval can open", f"{type(error).__name__}: {error}", step) from error
    opened = LmmsModel(model, name, lm, options)
    opened.clock, opened.sight = opened.probe(protocol)
    if reader is not None and reader.used:
        opened.reader = reader.name
    logger.info("{}: video is read by {}", opened.backend, opened.reader)
    return opened


def check_protocol(protocol: Protocol, simple: bool) -> None:
    """Refuse rules that not every class follows. Raises InputError."""
    beyond = {
        "a system message": protocol.prompt.system is not None,
        "a prefill": bool(protocol.prompt.prefill),
        "times as text": protocol.prompt.times == "text",
        "a repetition penalty": protocol.decoding.repetition_penalty != 1.0,
        "the text before the video, for a simple class": simple and protocol.prompt.order == "text-video",
    }
    refuse(beyond, protocol, "a protocol that models of lmms-eval can be told")


class LmmsModel:
    """An opened model of lmms-eval, a `harness.models.base.Model`. It is asked one by one, so that an error costs one answer."""

    needs_video = True
    pixel_factor = None

    def __init__(self, model: str, name: str, lm: Any, options: Options) -> None:
        self.name = model
        self.lm = lm
        self.options = options
        self.backend = f"{'lmms-simple' if lm.is_simple else 'lmms'}:{name}"
        self.clock = self.sight = ""
        self.reader = "a reader of the class's own, whose pictures were not checked"
        self._ear: Ear | None = None
        if callable(processor := vars(lm).get("processor")):
            lm.processor = self._ear = Ear(processor)
        for part in type(lm).__mro__:
            # A bar for every question would hide the run's own.
            if getattr(module := sys.modules[part.__module__], "tqdm", None) is tqdm:
                vars(module)["tqdm"] = _no_bar

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`; `clock`, `sight` and `reader` are what probe videos showed."""
        kind, inner = type(self.lm), getattr(self.lm, "model", None)
        dtype = {"dtype": str(inner.dtype).removeprefix("torch.")} if isinstance(inner, torch.nn.Module) else {}
        folder = Path(self.name)
        return {
            "name": local(self.name),
            "backend": self.backend,
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "model_args": hidden(self.options.model_args),
            **({"fingerprint": fingerprint(folder)} if folder.is_dir() else {}),
            **dtype,
            "device": str(getattr(self.lm, "device", self.options.device)),
            "seed": self.options.seed,
            "sampling": "the class's own; the protocol's rules for frames do not apply",
            "clock": self.clock,
            "reader": self.reader,
            "sight": self.sight,
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:  # noqa: ARG002
        """One reply or failure per question, in order.

        Failures: those of reading the file, `model-error` (the class raised an exception, logged an error that it hid, or left
        the video out), `empty-reply`, `out-of-memory`. Raises InputError where the video is a cut of a longer file, in which
        these classes count time from the start of the file, or a protocol asks for what they cannot be told.
        """
        path = questions[0].video
        if path is None:
            return [Failure(MISSING_VIDEO, "no file")] * len(questions)
        if questions[0].sample.clip is not None:
            raise InputError("a task whose videos are whole files", f"a cut of {path.name}", "--backend hf")
        for question in questions:
            check_protocol(question.protocol, self.lm.is_simple)
        try:
            times_s = frame_times(path)
        except DecodeError as error:
            return [error.failure] * len(questions)
        return [self._ask(path, question.text, question.protocol, times_s) for question in questions]

    def probe(self, protocol: Protocol) -> tuple[str, str]:
        """Ask about videos of 24 s at 2 fps, under the rules of a protocol. Warns of a wrong clock.

        For `run.json`, what the model was told of the time, and whether its logits follow what is shown. Raises InputError where
        it does not answer, or does not see the video: it would fail on every one.
        """
        with tempfile.TemporaryDirectory() as folder:
            videos = _probe_videos(Path(folder))
            plain = videos.pop("")
            outcome = self._ask(plain, PROBE_QUESTION, protocol, times_s := frame_times(plain), max_new_tokens=2)
            clock = self._clock(self._heard(times_s))
            if isinstance(outcome, Failure) and outcome.type != "empty-reply":
                found, step = f"{outcome.type}: {outcome.message}", "give other --model-args, or another --model"
                raise InputError(f"an answer of {self.backend} to a probe video", found, step)
            return clock, self._sight(protocol, plain, videos)

    def _clock(self, heard: Told | None) -> str:
        clock = "not measured: no times were seen on their way to the model"
        if heard is not None:
            clock = f"{'WRONG' if heard.wrong else 'right'} on a probe video of {PROBE_FRAMES / 2:.0f} s: {heard.channel}, "
            clock += f"last patch told {heard.told_s[-1]:.2f} s, true {heard.true_s[-1]:.2f} s"
        if heard is None or heard.wrong:
            logger.warning("{}: clock {}", self.backend, clock)
        return clock

    def _sight(self, protocol: Protocol, plain: Path, changed: Mapping[str, Path]) -> str:
        """Whether the logits of the first pass follow each change of a video, where the class holds a model whose logits show."""
        inner = getattr(self.lm, "model", None)
        if not isinstance(inner, torch.nn.Module):
            return f"not probed: {type(self.lm).__name__} shows no logits"

        def look(path: Path) -> list[torch.Tensor]:
            with sight.listening(inner) as heard:
                self._ask(path, PROBE_QUESTION, protocol, frame_times(path), max_new_tokens=2)
            return heard[:1]

        if not look(plain):
            return f"not probed: no logits of {type(inner).__name__} were seen"
        first = lambda path: torch.cat(look(path))  # noqa: E731
        return sight.check("logits", partial(first, plain), {name: partial(first, path) for name, path in changed.items()})

    def _ask(self, path: Path, text: str, protocol: Protocol, times_s: Any, **changes: Any) -> Reply | Failure:
        if self._ear is not None:
            self._ear.forget()
        request = self._request(path, text, protocol.prompt, generation(protocol.decoding) | changes)
        try:
            with _errors_logged() as errors:
                reply, counts = unwrap_generation_output(self.lm.generate_until([request])[0])
        except DecodeError as error:
            return error.failure
        except torch.OutOfMemoryError as error:
            return Failure("out-of-memory", str(error).splitlines()[0])
        except Exception as error:  # noqa: BLE001  (a failure of a foreign class is recorded, whatever it raises)
            return Failure(MODEL_ERROR, f"{type(error).__name__}: {error}"[:1000])
        if errors:
            return Failure(MODEL_ERROR, errors[0][:1000])
        if self._ear is not None and self._ear.asked and not (self._ear.asked.get("videos") or self._ear.asked.get("images")):
            return Failure(MODEL_ERROR, f"{self.backend} passed no video of {path.name} on to its processor")
        if not reply.strip():
            return Failure("empty-reply", f"{self.backend} gave an empty reply, which may hide an error")
        ids = [] if self._ear is None or "input_ids" not in self._ear.gave else self._ear.gave["input_ids"][0].tolist()
        heard, new = self._heard(times_s), (counts and counts.output_tokens) or 0
        return Reply(
            reply,
            hashlib.sha256(f"{ids}\n{text}\n{path.name}".encode()).hexdigest(),
            len(ids),
            new,
            new >= protocol.decoding.max_new_tokens,
            heard.error_s if heard is not None and heard.wrong else None,
        )

    def _request(self, path: Path, text: str, prompt: PromptRules, decoding: dict[str, Any]) -> Instance:
        """The request as lmms-eval's own tasks make it; functions of the document give the video."""
        self.lm.task_dict = {TASK: {SPLIT: [{"video": str(path)}]}}
        see: Callable[[Any], Any] = lambda doc: [doc["video"]]  # noqa: E731
        say: Callable[[Any], Any] = lambda doc: messages(prompt, {"type": "video", "url": doc["video"]}, text)  # noqa: E731
        form = (text, decoding, see, 0, TASK, SPLIT) if self.lm.is_simple else (text, say, decoding, 0, TASK, SPLIT)
        return Instance("generate_until", form, 0, metadata={"task": TASK, "doc_id": 0, "repeats": 1})

    def _heard(self, times_s: Any) -> Told | None:
        return None if self._ear is None else told(self._ear, times_s)


def _probe_videos(folder: Path) -> dict[str, Path]:
    """A video of noise, named with an empty string, and what it becomes where one half is inverted or both change places."""
    pixels = np.random.default_rng(0).integers(0, 256, (PROBE_FRAMES, PROBE_SIDE, PROBE_SIDE, 3), dtype=np.uint8)
    first, second = np.split(pixels, 2)
    shown = {
        "": (first, second),
        "the first half": (255 - first, second),
        "the second half": (first, 255 - second),
        "the order of the halves": (second, first),
    }
    paths = {name: folder / f"probe-{index}.mp4" for index, name in enumerate(shown)}
    for name, halves in shown.items():
        encode(paths[name], np.concatenate(halves))
    return paths


def _no_bar(*arguments: Any, **keywords: Any) -> Any:
    return tqdm(*arguments, **{**keywords, "disable": True})


@contextmanager
def _errors_logged() -> Iterator[list[str]]:
    """Collects what is logged as an error: many of lmms-eval's classes log an exception and reply with an empty text."""
    errors: list[str] = []
    sink = logger.add(errors.append, level="ERROR", format="{message}")
    try:
        yield errors
    finally:
        logger.remove(sink)
