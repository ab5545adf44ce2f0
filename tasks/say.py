"""Replies that say an answer in the words of a protocol: the inverse of its parser, so that `read(say(truth)) == truth`."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache

from tasks import kinds, parsers
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.highlights import CLIP_S, flat
from tasks.protocol import LETTERS, Protocol
from tasks.sample import Sample
from tasks.span import Span

FIRST_TIME_S = {"t/2": 0.0, "(t-1)/2": CLIP_S, "t/2-1": CLIP_S}
"""An even time in seconds that marks the first clip, by rule."""


def say(answer: Answer, sample: Sample, protocol: Protocol) -> str:
    """A well-formed reply with this answer, its times as they are; in percent, to the nearest of the hundred frames 00 to 99.

    A template with one span takes the first. `tasks.parsers.reader` reads the reply.
    """
    rules = protocol.answer
    times = [_times(span, sample.duration_s, rules.unit) for span in answer.spans]
    marks = [(_number(time), f"{score:.1f}") for time, score in answer.marks]
    start, end = times[0] if times else ("", "")
    return rules.template.format(
        start=start,
        end=end,
        spans=rules.join.join(rules.span.format(start=start, end=end) for start, end in times),
        marks=rules.join.join(rules.mark.format(time=time, score=score) for time, score in marks),
        times=rules.join.join(time for time, _ in marks),
        scores=rules.join.join(score for _, score in marks),
        option=answer.option or "",
    )


def sayable(sample: Sample, protocol: Protocol) -> Answer:
    """The truth of a sample, as far as the protocol's template can say it.

    Of several spans a template with one says the one of highest value, of equals the longest. Clips that annotators liked are
    said by a time and their mean score. Where times mark clips one early, a span may begin that much later; one that begins
    before the video begins with it.
    """
    truth = sample.truth
    if truth.clips is not None and _says_marks(protocol.answer.template):
        return marked([sum(scores) / len(scores) for scores in truth.clips], protocol, sample.grid)
    first_s = FIRST_TIME_S.get(protocol.score.saliency, 0.0)
    later = tuple(span._replace(start_s=float(span.start_s) + first_s) for span in truth.spans) if first_s else ()
    # No reply can name a time before the video.
    spans = (*later, *[Span(0.0, span.end_s) if span.start_s < 0 < span.end_s else span for span in truth.spans])
    if len(spans) > 1 and "{spans}" not in protocol.answer.template:
        kind = kinds.find(protocol.kind)
        read = parsers.reader(protocol)
        alone = [read(say(Answer((span,)), sample, protocol), sample.duration_s) for span in spans]
        worth = kind.values([sample] * len(spans), alone, protocol)[kind.main].tolist()
        lengths = [float(span.end_s) - float(span.start_s) for span in spans]
        spans = (max(zip(worth, lengths, spans, strict=True), key=lambda each: each[:2])[2],)
    return truth if spans == truth.spans and truth.clips is None else Answer(spans, option=truth.option)


def blind(span: Span, sample: Sample, protocol: Protocol) -> Answer:
    """An answer that knows nothing but a span: the same for every sentence, its clips alike, the first option."""
    marks: tuple[tuple[float, float], ...] = ()
    if _says_marks(protocol.answer.template):
        clips = [float(within(span, clip)) for clip in sample.grid] or flat([span], int(sample.duration_s / CLIP_S))
        marks = marked(clips, protocol, sample.grid).marks
    return Answer((span,) * len(sample.queries), marks=marks, option=LETTERS[0] if sample.options else None)


def check_read(sample: Sample, protocol: Protocol) -> None:
    """Refuse a protocol whose parser reads another answer than its template says, or none.

    The times that are said have as many digits as a float, as upper bounds and baselines say them. Times may be read to whole
    seconds or to hundredths of the video. Raises InputError.
    """
    rules, duration_s = protocol.answer, sample.duration_s
    said = blind(Span(duration_s / 7, duration_s / 1.9), sample, protocol)
    spans = said.spans if "{spans}" in rules.template else said.spans[:1] if "{start}" in rules.template else ()
    text = say(said, sample, protocol)
    read = parsers.reader(protocol)(text, duration_s)
    ends = "{end}" in rules.template or ("{spans}" in rules.template and "{end}" in rules.span)
    pairs = [pair for x, y in zip(read.spans, spans, strict=False) for pair in list(zip(x, y, strict=True))[: 1 + ends]]
    near = all(abs(float(a) - float(b)) <= 1 + duration_s / 100 for a, b in pairs)
    chosen = "{option}" not in rules.template or read.option == said.option
    # Of highlights, a span can be read as the clips that it marks.
    if not read.marks and not (chosen and near and len(read.spans) >= len(spans)):
        times = ", ".join(f"{float(start):.2f} to {float(end):.2f}" for start, end in read.spans)
        found = f"parser {rules.parser} reads {read.failure or times or 'no times'}, option {read.option}"
        step = f"edit parser {rules.parser}, or [answer] of protocol {protocol.name}"
        raise InputError(f"protocol {protocol.name}: a parser that reads what the template says, {text!r}", found, step)


def within(span: Span, clip: Span) -> bool:
    """Whether the middle of a clip lies in a span."""
    return span.start_s <= (float(clip.start_s) + float(clip.end_s)) / 2 < span.end_s


@cache
def _says_marks(template: str) -> bool:
    return any(f"{{{part}}}" in template for part in ("marks", "times", "scores"))


def marked(clips: Sequence[float], protocol: Protocol, grid: Sequence[Span] = ()) -> Answer:
    """Scores of clips as times that mark these clips under the protocol's rule; clips of score 0 are not said.

    Clips are those of `grid`, by default of 2 s each.
    """
    first_s = FIRST_TIME_S.get(protocol.score.saliency, 0.0)
    times = [(float(low) + float(high)) / 2 for low, high in grid] or [first_s + CLIP_S * clip for clip in range(len(clips))]
    return Answer(marks=tuple((time, score) for time, score in zip(times, clips, strict=True) if score))


def rounded(answer: Answer, sample: Sample, protocol: Protocol) -> Answer:
    """An answer as exactly as its protocol teaches to say it: in its unit and decimals, or in whole seconds where it rounds."""
    rules, duration_s = protocol.answer, sample.duration_s
    if rules.unit == "percent":
        spans = [Span(*(_hundredth(time, duration_s) * duration_s / 100 for time in span)) for span in answer.spans]
    else:
        digits = f".{0 if protocol.score.round_prediction == 'integer' else rules.decimals}f"
        spans = [Span(Decimal(format(start, digits)), Decimal(format(end, digits))) for start, end in answer.spans]
    return Answer(tuple(spans), marks=answer.marks, option=answer.option)


def _times(span: Span, duration_s: float, unit: str) -> tuple[str, str]:
    start, end = (f"{_hundredth(time, duration_s):02d}" if unit == "percent" else _number(time) for time in span)
    return start, end


def _hundredth(time: float | Decimal, duration_s: float) -> int:
    return min(max(round(100 * float(time) / duration_s), 0), 99)


def _number(time: float | Decimal) -> str:
    exact = time if isinstance(time, Decimal) else Decimal(repr(time))
    return format(exact if exact else abs(exact), "f")  # no reply says -0.0
