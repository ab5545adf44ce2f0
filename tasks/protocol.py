"""A protocol: everything besides task and model that moves a number. One TOML file each, hashed."""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal, get_args, get_type_hints

from tasks import kinds
from tasks.errors import InputError, unknown
from tasks.sample import Sample

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
    """What the model is told. `{query}`, `{queries}`, `{count}` and `{options}` in a mode's text stand for what a sample asks.

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
    """How the reply is read, and how a well-formed one is said (`tasks.say`).

    Attributes:
        parser: Module name in `tasks/parsers`, dotted below its folders.
        where: Places searched in this order, the first that exists decides. For `careful`: `answer` (last answer tag),
            `after-think`, `whole`; for the others see `tasks.parsers.common.SCOPES`.
        template: A well-formed answer. `{start}` and `{end}` are those of its one span; `{spans}`, `{marks}`, `{times}` and
            `{scores}` stand for lists, `{option}` for the letter that is chosen.
        unit: What the numbers of a reply count: seconds, or hundredths of the video.
        span: One of `{spans}`, of a `{start}` and an `{end}`.
        mark: One of `{marks}`, of a `{time}` and a `{score}`.
        join: What stands between those of a list.
        decimals: Digits behind the point of times that are taught.
    """

    parser: str
    where: tuple[str, ...]
    template: str
    unit: Literal["seconds", "percent"] = "seconds"
    span: str = "{start} to {end}"
    mark: str = "{time}: {score}"
    join: str = ", "
    decimals: int = 2


@dataclass(frozen=True)
class ScoreRules:
    """How spans become a number.

    Attributes:
        thresholds: IoU thresholds of R1.
        comparison: `exact` compares `>=` in decimal arithmetic; `>=` and `>` compare floats as the original does.
        iou: `span` is 0 for empty and reversed spans; `hull` divides by latest end - earliest start; `union` by the summed
            lengths - overlap.
        float_bits: Width of the arithmetic.
        round_prediction: `integer` rounds predicted times to whole seconds, halves to even.
        round_iou: Decimals that IoU is rounded to before anything else is done with it; None for none.
        clamp_targets: Whether true ends are cut at the annotated duration.
        failure: What a reply without a span is worth: `zero`, `drop` (it leaves the denominator), or `out-of-video` (the
            span from 10 to 20 s behind the end is scored).
        error: The same for a sample without a reply.
        duplicates: `last` keeps the last of rows with the same video, sentence and spans; `keep` keeps all.
        saliency: How clips of 2 s get their scores where highlights are asked for. From spans: `flat` or `centre` (see
            `tasks.highlights`). From times t: clip int(t/2), int((t-1)/2), or int(t/2)-1; `nearest`: the clip whose middle is
            nearest. `none` for moments only.
        points: What a span without length is worth that lies inside a true one, as precision (IoP): nothing (`zero`) or 1
            (`inside`).
        ties: What answers of equal score earn: the mean over their orders (`expected`), or what their order gives (`stable`).
        positive: Which clips of an annotator count as highlights: those above the lower `median`, or `above-zero`.
        top: Number of best clips that average precision looks at; 0 for all.
    """

    thresholds: tuple[float, ...]
    comparison: Literal["exact", ">=", ">"]
    iou: Literal["span", "hull", "union"] = "span"
    float_bits: Literal[32, 64] = 64
    round_prediction: Literal["none", "integer"] = "none"
    round_iou: int | None = None
    clamp_targets: bool = False
    failure: Missing = "zero"
    error: Missing = "zero"
    duplicates: Literal["keep", "last"] = "keep"
    saliency: Literal["none", "flat", "centre", "t/2", "(t-1)/2", "t/2-1", "nearest"] = "none"
    points: Literal["zero", "inside"] = "zero"
    ties: Literal["expected", "stable"] = "expected"
    positive: Literal["median", "above-zero"] = "above-zero"
    top: int = 0


PARTS: dict[str, Any] = {
    "prompt": PromptRules,
    "video": VideoRules,
    "decoding": DecodingRules,
    "answer": AnswerRules,
    "score": ScoreRules,
}


@dataclass(frozen=True)
class Protocol:
    """A named set of rules; `sha256` identifies it (prose fields do not count)."""

    name: str
    summary: str
    kind: str
    prompt: PromptRules
    video: VideoRules
    decoding: DecodingRules
    answer: AnswerRules
    score: ScoreRules
    about: About = About()

    def rules(self) -> dict[str, Any]:
        """The rules that move a number, as JSON values."""
        return {"kind": self.kind, **json.loads(json.dumps({key: asdict(getattr(self, key)) for key in PARTS}))}

    @property
    def sha256(self) -> str:
        """Hash over `rules()`. One at its default is left out, so that rules to come change no hash."""
        moved = {
            key: {f.name: value for f in fields(part) if (value := getattr(part, f.name)) != f.default}
            for key, part in ((key, getattr(self, key)) for key in PARTS)
        }
        return hashlib.sha256(json.dumps({"kind": self.kind, **moved}, sort_keys=True).encode()).hexdigest()

    def asked_in(self, mode: str) -> str:
        """The text of a mode as it stands in the protocol. Raises InputError on an unknown mode."""
        if mode not in self.prompt.modes:
            known = ", ".join(self.prompt.modes)
            raise InputError(f"a mode of protocol {self.name}: {known}", unknown(mode, self.prompt.modes), "harness ls protocols")
        return self.prompt.modes[mode]

    def question(self, sample: Sample, mode: str) -> str:
        """The text of the user turn for a sample. Raises InputError on an unknown mode.

        `{query}` is its sentence, `{queries}` all of them and `{options}` what may be chosen, a line each with number or letter;
        `{count}` is the number of sentences.
        """
        clean = CLEAN[self.prompt.clean]
        said = {
            "{query}": clean(sample.query),
            "{queries}": "\n".join(f"{number}. {clean(query)}" for number, query in enumerate(sample.queries, 1)),
            "{count}": str(len(sample.queries)),
            "{options}": "\n".join(f"({letter}) {option}" for letter, option in zip(LETTERS, sample.options, strict=False)),
        }
        # In one pass: what a sentence says in braces stays as it is.
        return _PLACE.sub(lambda place: said[place[0]], self.asked_in(mode))


LETTERS = ascii_uppercase
_PLACE = re.compile(r"\{(?:query|queries|count|options)\}")


def names() -> list[str]:
    """Names of the protocols that exist."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Protocol:
    """Read a protocol by name. Raises InputError, with the nearest name, if there is none."""
    if name not in names():
        raise InputError("the name of a protocol", unknown(name, names()), "harness ls protocols")
    return from_dict({"name": name, **tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))})


def form(name: str, wanted: Sequence[str]) -> Protocol:
    """The protocol of that name, or the form of its family, `NAME-KIND`, for the first of these kinds that it has one for.

    Raises:
        InputError: There is no protocol of that name.
    """
    known = names()
    for kind in wanted if name in known else ():
        if (member := f"{name}-{kind}") in known:
            return load(member)
        if (found := load(name)).kind == kind:
            return found
    return load(name)


def from_dict(values: dict[str, Any]) -> Protocol:
    """Build a protocol from the tables of its file or from `run.json`, also of one that was written before there were kinds.

    Raises:
        InputError: A key is missing, unknown or of the wrong shape, or a rule has a value that it does not know.
    """
    try:
        given = values if "kind" in values else _before_kinds(values)
        built = {key: _part(cls, given[key]) for key, cls in PARTS.items()}
        about = _part(About, given.get("about", {}))
        if given["kind"] not in kinds.NAMES:
            raise ValueError(f"kind = {given['kind']!r}, not one of {', '.join(kinds.NAMES)}")
        return Protocol(given["name"], given.get("summary", ""), given["kind"], **built, about=about)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        expected = "; ".join(f"[{key}] {', '.join(f.name for f in fields(cls))}" for key, cls in PARTS.items())
        raise InputError(f"a protocol's kind and tables {expected}", repr(error), "harness show default") from error


def _before_kinds(values: dict[str, Any]) -> dict[str, Any]:
    """The rules of a `run.json` of version 0.1 in today's words."""
    answer, score = dict(values["answer"]), dict(values["score"])
    family, _, rest = answer["parser"].partition("_")
    kind = "moment"
    if family == "highlights":
        answer["parser"] = f"highlights.{rest}"
    if score.get("saliency", "none") != "none":
        kind = "windows" if values["name"] == "qvh-official" else "highlights"
    if score.get("iou") == "merged-set":
        kind = "union"
        del score["iou"]
    return {**values, "kind": kind, "answer": answer, "score": score}


def _part(cls: Any, table: dict[str, Any]) -> Any:
    for key, hint in get_type_hints(cls).items():
        if key in table and (allowed := get_args(hint)) and isinstance(allowed[0], str | int) and table[key] not in allowed:
            raise ValueError(f"{key} = {table[key]!r}, not one of {', '.join(map(repr, allowed))}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
