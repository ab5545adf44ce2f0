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
        times: Who tells a model the times of the frames: its `own` processor alone, or, where that tells no seconds, `text` put
            before each frame as well: `Frame at 3.1s:`.
    """

    modes: dict[str, str]
    order: Literal["video-text", "text-video"]
    clean: Literal["none", "strip", "strip-stop", "lower-stop", "stops", "stops-strip", "collapse-stops"]
    system: str | None = None
    prefill: str = ""
    times: Literal["own", "text"] = "own"


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
        relative: Whether times are compared as fractions of the duration, which changes the last bits of an IoU.
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
    relative: bool = False
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
