"""A protocol: everything besides task and model that moves a number. One TOML file each, hashed."""

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tasks.errors import InputError, unknown

FOLDER = Path(__file__).parent / "protocols"


@dataclass(frozen=True)
class Prompt:
    """What the model is told. `{query}` in a mode's text stands for the cleaned sentence.

    Attributes:
        modes: Text by mode name (`direct`, `cot`).
        order: Whether the video stands before or after the text in the user turn.
        clean: Rule for the sentence: `strip-stop` drops surrounding blanks and one final full stop; `none` keeps it.
        system: System message; None leaves it to the model's own chat template.
    """

    modes: dict[str, str]
    order: Literal["video-text", "text-video"]
    clean: Literal["none", "strip-stop"]
    system: str | None = None


@dataclass(frozen=True)
class VideoRules:
    """Which frames the model sees, at which size. The rules are those of `qwen_vl_utils`.

    Attributes:
        decoder: `pyav`, `decord` or `torchcodec`; never swapped silently.
        fps: Frames per second asked for.
        min_frames: Lower bound on the number of frames.
        max_frames: Upper bound on the number of frames.
        min_pixels: Lower bound on the pixels of one frame.
        max_pixels: Upper bound on the pixels of one frame.
        total_pixels: Budget in pixels over all frames of a video (two frames share one visual token).
    """

    decoder: str
    fps: float
    min_frames: int
    max_frames: int
    min_pixels: int
    max_pixels: int
    total_pixels: int


@dataclass(frozen=True)
class Decoding:
    """How the reply is generated. Temperature 0 is greedy.

    Attributes:
        max_new_tokens: Length limit of a reply.
        temperature: 0 for greedy.
        repetition_penalty: 1.0 for none; checkpoints' own generation defaults are not used.
    """

    max_new_tokens: int
    temperature: float = 0.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class Answer:
    """How the reply is read.

    Attributes:
        parser: Module name in `tasks/parsers`.
        where: Places searched in this order: `answer` (last answer tag), `after-think`, `whole`.
        template: A well-formed answer, with `{start}` and `{end}`; trivial models reply with it.
    """

    parser: str
    where: tuple[str, ...]
    template: str


@dataclass(frozen=True)
class Score:
    """How spans become a number.

    Attributes:
        thresholds: IoU thresholds of R1.
        comparison: `exact` compares `>=` in decimal arithmetic.
    """

    thresholds: tuple[float, ...]
    comparison: Literal["exact"]


@dataclass(frozen=True)
class Protocol:
    """A named set of rules; `sha256` identifies it (prose fields do not count)."""

    name: str
    summary: str
    prompt: Prompt
    video: VideoRules
    decoding: Decoding
    answer: Answer
    score: Score

    def rules(self) -> dict[str, Any]:
        """The rules that move a number, as JSON values."""
        rules = asdict(self)
        del rules["summary"], rules["name"]
        return dict(json.loads(json.dumps(rules)))

    @property
    def sha256(self) -> str:
        """Hash over `rules()`."""
        return hashlib.sha256(json.dumps(self.rules(), sort_keys=True).encode()).hexdigest()

    def question(self, query: str, mode: str) -> str:
        """The text of the user turn for one sentence. Raises InputError on an unknown mode."""
        if mode not in self.prompt.modes:
            known = ", ".join(self.prompt.modes)
            raise InputError(f"a mode of protocol {self.name}: {known}", unknown(mode, self.prompt.modes), "harness ls protocols")
        if self.prompt.clean == "strip-stop":
            query = " ".join(query.split()).removesuffix(".")
        return self.prompt.modes[mode].replace("{query}", query)


def names() -> list[str]:
    """Names of the protocols that exist."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Protocol:
    """Read a protocol by name. Raises InputError, with the nearest name, if there is none."""
    if name not in names():
        raise InputError("the name of a protocol", unknown(name, names()), "harness ls protocols")
    return from_dict({"name": name, **tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))})


def from_dict(values: dict[str, Any]) -> Protocol:
    """Build a protocol from the tables of its file or from `run.json`.

    Raises:
        InputError: A key is missing, unknown or of the wrong shape.
    """
    parts = {"prompt": Prompt, "video": VideoRules, "decoding": Decoding, "answer": Answer, "score": Score}
    try:
        built = {key: cls(**_tuples(values[key])) for key, cls in parts.items()}
        return Protocol(values["name"], values.get("summary", ""), **built)
    except (KeyError, TypeError) as error:
        expected = "; ".join(f"[{key}] {', '.join(f.name for f in fields(cls))}" for key, cls in parts.items())
        raise InputError(f"protocol tables {expected}", repr(error), "harness show default") from error


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
