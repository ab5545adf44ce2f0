"""A protocol in words: every rule, for people."""

from tasks import kinds
from tasks.protocol import Protocol

CLEANING = {
    "none": "asked as published",
    "strip": "blanks at both ends dropped",
    "strip-stop": "blanks collapsed, one final full stop dropped",
    "lower-stop": "blanks at both ends dropped, in small letters, one final full stop dropped",
    "stops": "full stops at both ends dropped",
    "stops-strip": "full stops, then blanks at both ends dropped",
    "collapse-stops": "blanks collapsed, full stops and blanks at both ends dropped",
}
PLACES = {
    "answer": "the last answer tag",
    "after-think": "what follows the last closing think tag",
    "whole": "the whole reply, thoughts included",
    "first-answer": "the first answer tag",
    "first-answer-line": "the first answer tag without a line break inside",
    "last-answer": "the last answer tag",
    "only-answer": "the answer tag, if there is exactly one",
}
IOU = {
    "span": "overlap over union; 0 for an empty or reversed span",
    "hull": "overlap over the distance from the earliest start to the latest end",
    "union": "overlap over the summed lengths minus overlap",
}
COMPARISON = {
    "exact": "reached at IoU >= threshold, in exact decimal arithmetic",
    ">=": "reached at IoU >= threshold, in floats",
    ">": "reached at IoU > threshold, in floats",
}
MISSING = {
    "zero": "scores 0 and stays in the denominator",
    "drop": "leaves the denominator",
    "out-of-video": "is scored as the span from 10 to 20 s behind the end of the video",
}
SALIENCY = {
    "flat": "1 inside a span, 0 outside",
    "centre": "falling from the centre of a span, 0 outside",
    "t/2": "a time t marks clip int(t / 2)",
    "(t-1)/2": "a time t marks clip int((t - 1) / 2), which is one early for even t",
    "t/2-1": "a time t marks clip int(t / 2) - 1, which is one early",
    "nearest": "a time marks the clip whose middle is nearest",
}
DUPLICATES = {"keep": "all count", "last": "of rows with the same video, sentence and spans the last counts"}


def describe(protocol: Protocol) -> list[str]:
    """Every rule of a protocol as a line of text; lines of one rule are indented."""
    prompt, about = protocol.prompt, protocol.about
    lines = [f"{protocol.name}, sha256 {protocol.sha256}", protocol.summary]
    lines += [f"kind: {protocol.kind}, main metric {kinds.find(protocol.kind).main}"]
    lines += [f"source: {about.source}", f"checked against: {about.verified}"] if about.source else []
    for mode, text in prompt.modes.items():
        lines += [f"prompt, mode {mode}:", *(f"  {line}" for line in text.splitlines())]
    lines += [
        f"prompt is the original's, word for word: {'yes' if about.prompt_verified else 'no'}",
        f"system message: {prompt.system or 'that of the chat template'}",
        f"sentence: {CLEANING[prompt.clean]}",
        f"order: {'video before text' if prompt.order == 'video-text' else 'text before video'}",
        *([f"the model's turn begins with: {prompt.prefill!r}"] if prompt.prefill else []),
        *(["times: a model whose processor tells no seconds reads them before each frame"] if prompt.times == "text" else []),
        *_inputs(protocol),
        *_scoring(protocol),
    ]
    for title, notes in (
        ("the original's surprises, kept here", about.quirks),
        ("not verified or not reproduced", about.unverified),
    ):
        lines += [f"{title}:", *(f"  - {note}" for note in notes)] if notes else []
    return lines


def _inputs(protocol: Protocol) -> list[str]:
    video, decoding = protocol.video, protocol.decoding
    tokens = [round(pixels / 784) for pixels in (video.min_pixels, video.max_pixels, video.total_pixels)]
    how = "greedy" if decoding.temperature == 0 else f"sampled at temperature {decoding.temperature}, top_p {decoding.top_p}"
    return [
        f"frames: {video.fps:g} a second, {video.min_frames} to {video.max_frames}, read by {video.decoder}",
        f"pixels of a frame: {video.min_pixels:,} to {video.max_pixels:,}, of a video at most {video.total_pixels:,} "
        f"(areas of 28 x 28: {tokens[0]:,}, {tokens[1]:,}, {tokens[2]:,})",
        f"decoding: {how}, at most {decoding.max_new_tokens:,} new tokens, repetition penalty {decoding.repetition_penalty}",
    ]


def _scoring(protocol: Protocol) -> list[str]:
    answer, score = protocol.answer, protocol.score
    return [
        f"parser: {answer.parser}, reads {', else '.join(PLACES[place] for place in answer.where)}",
        f"well-formed answer: {answer.template}",
        *([f"  a span in it: {answer.span}"] if "{spans}" in answer.template else []),
        *([f"  a mark in it: {answer.mark}"] if "{marks}" in answer.template else []),
        f"times that are taught: to {answer.decimals} decimals",
        f"unit of times: {'seconds' if answer.unit == 'seconds' else 'hundredths of the video'}",
        f"predicted times: {'as read' if score.round_prediction == 'none' else 'rounded to whole seconds, halves to even'}",
        f"true times: {'ends cut at the annotated duration' if score.clamp_targets else 'as published'}",
        f"IoU: {IOU[score.iou]}{', of times as fractions of the duration' if score.relative else ''}",
        f"arithmetic: {score.float_bits}-bit floats",
        f"IoU rounded: {'no' if score.round_iou is None else f'to {score.round_iou} decimals, before all else'}",
        f"R1 at {', '.join(map(str, score.thresholds))}: {COMPARISON[score.comparison]}",
        f"a reply without a span {MISSING[score.failure]}",
        f"a sample without a reply (missing video, error) {MISSING[score.error]}",
        f"duplicate rows: {DUPLICATES[score.duplicates]}",
        *([f"scores of clips of 2 s: {SALIENCY[score.saliency]}"] if score.saliency != "none" else []),
    ]
