"""Answers that are given rather than generated: what SFT learns, what takes the off-policy place in a group."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.predictions.read import Predictions
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import Sample
from tasks.say import rounded, say, sayable
from trainers.examples import Row

GROUND_TRUTH = "ground-truth"


def ground_truth(sample: Sample, protocol: Protocol, mode: str) -> str:
    """The truth in the words of the protocol, to its decimals.

    In `cot` its times are also what is thought: without a thought the answer would break the format it is there to teach.
    """
    answer = rounded(sayable(sample, protocol), sample, protocol)
    if protocol.kind != "pairs":
        # One of several that has no length, or loses it to the decimals, would make the answer unreadable.
        answer = replace(answer, spans=tuple(span for span in answer.spans if span.end_s > span.start_s) or answer.spans)
    text = say(answer, sample, protocol)
    if mode == "direct":
        return text
    thought = [f"{span.start_s} to {span.end_s}" for span in answer.spans] or [f"{time:g}" for time, _ in answer.marks]
    return f"<think> {', '.join(thought)} </think>\n{text}"


def given_answers(source: str, questions: Sequence[Question], modes: Iterable[str]) -> Callable[[Row], str]:
    """From a row of the dataset to its given answer.

    Args:
        source: `ground-truth`, or a JSONL of `{id | video + query, text}`, with `mode` where the modes differ.
        questions: What must have an answer; the ground truth is said in the words of the protocol of each.
        modes: In which modes.

    Raises:
        InputError: The file cannot be read or misses samples.
    """
    if source == GROUND_TRUTH:
        asked = {(question.sample.id, question.protocol.name): question for question in questions}

        def true_answer(row: Row) -> str:
            question = asked[row["id"], row["protocol_name"]]
            return ground_truth(question.sample, question.protocol, row["mode"])

        return true_answer
    samples = list({question.sample.id: question.sample for question in questions}.values())
    given: dict[tuple[str, str], str] = {}
    for row in Predictions(Path(source), samples):
        if row.text:
            given.update({(identifier, row.mode): row.text for identifier in row.ids})
    wanted = [(sample.id, mode) for sample in samples for mode in dict.fromkeys(modes)]
    missing = [key for key in wanted if key not in given and (key[0], "") not in given]
    if missing:
        found = f"{source} misses {len(missing):,} of {len(wanted):,}, the first {missing[0][0]} ({missing[0][1]})"
        raise InputError("an answer for every sample and mode of the split", found, "add the rows, or train on fewer with --ids")
    return lambda row: given[row["id"], row["mode"] if (row["id"], row["mode"]) in given else ""]
