"""A protocol: everything besides task and model that moves a number. One TOML file each, hashed."""

import hashlib
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from tasks.errors import InputError, unknown
from tasks.span import Span

FOLDER = Path(__file__).parent / "protocols"
Missing = Literal["zero", "drop", "out-of-video"]

CLEAN: dict[str, Callable[[str], str]] = {
    "none": lambda query: query,
    "strip": str.strip,
    "strip-stop": lambda query: " ".join(query.split()).removesuffix("."),
    "lower-stop": lambda query: query.strip().lower().removesuffix("."),
    "stops": lambda query: query.strip("."),
    "stops-strip": lambda query: query.strip(".").strip(),
    "collapse-stops": lambda query: " ".join(query.split()).strip(".").strip(),
}
"""Rules for the sentence. `strip-stop` collapses blanks and drops one final full stop; `lower-stop` strips, lowers and drops
one; `stops` drops all full stops at both ends, `stops-strip` blanks as well, `collapse-stops` also collapses blanks inside."""


@dataclass(frozen=True)
class About:
    """Where a protocol comes from; prose only, outside the hash.

    Attributes:
        source: Repository and snapshot, or paper.
        verified: What the rules were checked against: the original's code, or its description.
        prompt_verified: Whether the prompts are the original's words.
        quirks: What the original does that a reader would not expect, reproduced here.
        unverified: Rules that nobody could check, and what of the original is not reproduced.
    """

    source: str = ""
    verified: str = ""
    prompt_verified: bool = False
    quirks: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class PromptRules:
    """What the model is told. `{query}` in a mode's text stands for the cleaned sentence.

    Attributes:
        modes: Text by mode name (`direct`, `cot`).
        order: Whether the video stands before or after the text in the user turn.
        clean: Rule for the sentence, a key of `CLEAN`.
        system: System message; None leaves it to the model's own chat template.
        prefill: Text put at the start of the model's turn, such as an empty thought; not part of the reply.
    """

    modes: dict[str, str]
    order: Literal["video-text", "text-video"]
    clean: Literal["none", "strip", "strip-stop", "lower-stop", "stops", "stops-strip", "collapse-stops"]
    system: str | None = None
    prefill: str = ""


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
class DecodingRules:
    """How the reply is generated. Temperature 0 is greedy.

    Attributes:
        max_new_tokens: Length limit of a reply.
        temperature: 0 for greedy.
        repetition_penalty: 1.0 for none; checkpoints' own generation defaults are not used.
        top_p: Share of the probability that sampling draws from; 1.0 for all.
    """

    max_new_tokens: int
    temperature: float = 0.0
    repetition_penalty: float = 1.0
    top_p: float = 1.0


@dataclass(frozen=True)
class AnswerRules:
    """How the reply is read.

    Attributes:
        parser: Module name in `tasks/parsers`.
        where: Places searched in this order, the first that exists decides. For `careful`: `answer` (last answer tag),
            `after-think`, `whole`; for the others see `tasks.parsers.common.SCOPES`.
        template: A well-formed answer, with `{start}` and `{end}`; trivial models reply with it.
        unit: What the numbers of a reply count: seconds, or hundredths of the video.
    """

    parser: str
    where: tuple[str, ...]
    template: str
    unit: Literal["seconds", "percent"] = "seconds"

    def render(self, span: Span, duration_s: float) -> str:
        """A well-formed reply that says this span; in percent, to the nearest of the hundred frames 00 to 99."""
        if self.unit == "percent":
            start, end = (f"{min(max(round(100 * float(time) / duration_s), 0), 99):02d}" for time in span)
        else:
            start, end = (format(time if isinstance(time, Decimal) else Decimal(repr(time)), "f") for time in span)
        return self.template.format(start=start, end=end)


@dataclass(frozen=True)
class ScoreRules:
    """How spans become a number.

    Attributes:
        thresholds: IoU thresholds of R1.
        comparison: `exact` compares `>=` in decimal arithmetic; `>=` and `>` compare floats as the original does.
        iou: `span` is 0 for empty and reversed spans; `hull` divides by latest end - earliest start; `union` by the summed
            lengths - overlap; `merged-set` compares all predicted with all true spans, overlaps merged.
        float_bits: Width of the arithmetic.
        round_prediction: `integer` rounds predicted times to whole seconds, halves to even.
        round_iou: Decimals that IoU is rounded to before anything else is done with it; None for none.
        clamp_targets: Whether true ends are cut at the annotated duration.
        failure: What a reply without a span is worth: `zero`, `drop` (it leaves the denominator), or `out-of-video` (the
            span from 10 to 20 s behind the end is scored).
        error: The same for a sample without a reply.
        duplicates: `last` keeps the last of rows with the same video, sentence and spans; `keep` keeps all.
        saliency: How clips of 2 s get their scores where highlights are asked for. From spans: `flat` or `centre` (see
            `tasks.highlights`). From times t: clip int(t/2), int((t-1)/2), or int(t/2)-1. `none` for moments only.
    """

    thresholds: tuple[float, ...]
    comparison: Literal["exact", ">=", ">"]
    iou: Literal["span", "hull", "union", "merged-set"] = "span"
    float_bits: Literal[32, 64] = 64
    round_prediction: Literal["none", "integer"] = "none"
    round_iou: int | None = None
    clamp_targets: bool = False
    failure: Missing = "zero"
    error: Missing = "zero"
    duplicates: Literal["keep", "last"] = "keep"
    saliency: Literal["none", "flat", "centre", "t/2", "(t-1)/2", "t/2-1"] = "none"


PARTS: dict[str, Any] = {
    "prompt": PromptRules,
    "video": VideoRules,
    "decoding": DecodingRules,
    "answer": AnswerRules,
    "score": ScoreRules,
}
LATE = {
    *("prefill", "top_p", "unit", "iou", "float_bits", "round_prediction", "round_iou", "clamp_targets"),
    *("failure", "error", "duplicates", "saliency"),
}
"""Rules that came after the first protocols: at their default they stay out of the hash, so that older hashes hold."""


@dataclass(frozen=True)
class Protocol:
    """A named set of rules; `sha256` identifies it (prose fields do not count)."""

    name: str
    summary: str
    prompt: PromptRules
    video: VideoRules
    decoding: DecodingRules
    answer: AnswerRules
    score: ScoreRules
    about: About = About()

    def rules(self) -> dict[str, Any]:
        """The rules that move a number, as JSON values; late rules only where they differ from their default."""
        rules = {
            key: {f.name: getattr(part, f.name) for f in fields(part) if f.name not in LATE or getattr(part, f.name) != f.default}
            for key, part in ((key, getattr(self, key)) for key in PARTS)
        }
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
        return self.prompt.modes[mode].replace("{query}", CLEAN[self.prompt.clean](query))


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
        InputError: A key is missing, unknown or of the wrong shape, or a rule has a value that it does not know.
    """
    try:
        built = {key: _part(cls, values[key]) for key, cls in PARTS.items()}
        about = _part(About, values.get("about", {}))
        return Protocol(values["name"], values.get("summary", ""), **built, about=about)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        expected = "; ".join(f"[{key}] {', '.join(f.name for f in fields(cls))}" for key, cls in PARTS.items())
        raise InputError(f"protocol tables {expected}", repr(error), "harness show default") from error


def _part(cls: Any, table: dict[str, Any]) -> Any:
    for key, hint in get_type_hints(cls).items():
        if key in table and (allowed := get_args(hint)) and isinstance(allowed[0], str | int) and table[key] not in allowed:
            raise ValueError(f"{key} = {table[key]!r}, not one of {', '.join(map(repr, allowed))}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
