"""The rules of a protocol: everything besides task and model that moves a number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

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
    """Where a protocol comes from; prose only, outside the hash."""

    source: str = ""  # Repository and snapshot, or paper
    verified: str = ""  # What the rules were checked against: the original's code, or its description
    prompt_verified: bool = False  # Whether the prompts are the original's words
    quirks: tuple[str, ...] = ()  # What the original does that a reader would not expect, reproduced here
    unverified: tuple[str, ...] = ()  # Rules that nobody could check, and what of the original is not reproduced


@dataclass(frozen=True)
class PromptRules:
    """What the model is told. `{query}`, `{queries}`, `{count}` and `{options}` in a mode's text stand for what a sample asks."""

    modes: dict[str, str]  # Text by mode name (`direct`, `cot`)
    order: Literal["video-text", "text-video"]  # Whether the video stands before or after the text in the user turn
    # Rule for the sentence, a key of `CLEAN`
    clean: Literal["none", "strip", "strip-stop", "lower-stop", "stops", "stops-strip", "collapse-stops"]
    system: str | None = None  # System message; None leaves it to the model's own chat template
    prefill: str = ""  # Text put at the start of the model's turn, such as an empty thought; not part of the reply
    # Who tells the times of frames: its `own` processor, or, where that tells no seconds, `text` too: `Frame at 3.1s:`
    times: Literal["own", "text"] = "own"


@dataclass(frozen=True)
class VideoRules:
    """Which frames the model sees, at which size. The rules are those of `qwen_vl_utils`."""

    decoder: Literal["pyav", "decord", "torchcodec"]  # Never swapped silently
    fps: float  # Frames per second asked for
    min_frames: int  # Bounds on the number of frames
    max_frames: int
    min_pixels: int  # Bounds on the pixels of one frame
    max_pixels: int
    total_pixels: int  # Budget in pixels over all frames of a video (two frames share one visual token)


@dataclass(frozen=True)
class DecodingRules:
    """How the reply is generated."""

    max_new_tokens: int  # Length limit of a reply
    temperature: float = 0.0  # 0 for greedy
    repetition_penalty: float = 1.0  # 1.0 for none; checkpoints' own generation defaults are not used
    top_p: float = 1.0  # Share of the probability that sampling draws from; 1.0 for all


@dataclass(frozen=True)
class AnswerRules:
    """How the reply is read, and how a well-formed one is said (`tasks.say`)."""

    parser: str  # Module name in `tasks/parsers`, dotted below its folders
    # Places searched in this order, the first that exists decides. For `careful`: `answer` (last answer tag), `after-think`,
    # `whole`; for the others see `tasks.parsers.common.SCOPES`
    where: tuple[str, ...]
    # A well-formed answer. `{start}` and `{end}` are those of its one span; `{spans}`, `{marks}`, `{times}` and `{scores}` stand
    # for lists, `{option}` for the letter that is chosen
    template: str
    unit: Literal["seconds", "percent"] = "seconds"  # What the numbers of a reply count: seconds, or hundredths of the video
    span: str = "{start} to {end}"  # One of `{spans}`
    mark: str = "{time}: {score}"  # One of `{marks}`
    join: str = ", "  # What stands between those of a list
    decimals: int = 2  # Digits behind the point of times that are taught


@dataclass(frozen=True)
class ScoreRules:
    """How spans become a number."""

    thresholds: tuple[float, ...]  # IoU thresholds of R1
    comparison: Literal["exact", ">=", ">"]  # `exact`: `>=` in decimal arithmetic; the others compare floats as the original
    # 0 for empty and reversed spans (`span`); over latest end - earliest start (`hull`), or over the summed lengths - overlap
    iou: Literal["span", "hull", "union"] = "span"
    float_bits: Literal[32, 64] = 64  # Width of the arithmetic
    round_prediction: Literal["none", "integer"] = "none"  # `integer`: times to whole seconds, halves to even
    round_iou: int | None = None  # Decimals that IoU is rounded to before anything else is done with it; None for none
    clamp_targets: bool = False  # Whether true ends are cut at the annotated duration
    relative: bool = False  # Whether times are compared as fractions of the duration, which changes the last bits of an IoU
    # What a reply without a span is worth: `zero`, `drop` (it leaves the denominator), or `out-of-video` (the span from 10 to
    # 20 s behind the end is scored)
    failure: Missing = "zero"
    error: Missing = "zero"  # The same for a sample without a reply
    duplicates: Literal["keep", "last"] = "keep"  # `last` keeps the last of rows with the same video, sentence and spans
    # How clips of 2 s get their scores where highlights are asked for. From spans: `flat` or `centre` (see `tasks.highlights`).
    # From times t: clip int(t/2), int((t-1)/2), or int(t/2)-1; `nearest`: the clip whose middle is nearest
    saliency: Literal["none", "flat", "centre", "t/2", "(t-1)/2", "t/2-1", "nearest"] = "none"
    # What a span without length is worth that lies inside a true one, as precision (IoP): nothing, or 1 (`inside`)
    points: Literal["zero", "inside"] = "zero"
    # What answers of equal score earn: the mean over their orders (`expected`), or what their order gives (`stable`)
    ties: Literal["expected", "stable"] = "expected"
    # Which clips of an annotator count as highlights: those above the lower `median`, or `above-zero`
    positive: Literal["median", "above-zero"] = "above-zero"
    top: int = 0  # Number of best clips that average precision looks at; 0 for all


PARTS: dict[str, Any] = {
    "prompt": PromptRules,
    "video": VideoRules,
    "decoding": DecodingRules,
    "answer": AnswerRules,
    "score": ScoreRules,
}
