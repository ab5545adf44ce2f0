"""Answers that are given rather than generated: what SFT learns, what takes the off-policy place in a group."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.predictions.read import Predictions
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span

GROUND_TRUTH = "ground-truth"


def ground_truth(protocol: Protocol, targets: Sequence[Sequence[float]], duration_s: float, mode: str) -> str:
    """The first true moment in the words of the protocol, to two decimals as its prompts ask.

    In `cot` the moment is also what is thought: without a thought the answer would break the format it is there to teach.
    """
    start, end = (Decimal(f"{time:.2f}") for time in targets[0])
    answer = protocol.answer.render(Span(start, end), duration_s)
    return answer if mode == "direct" else f"<think> {start} to {end} </think>\n{answer}"


def answers(
    source: str, protocol: Protocol, samples: Sequence[Sample], modes: Iterable[str]
) -> Callable[[Mapping[str, Any]], str]:
    """From a row of the dataset to its given answer.

    Args:
        source: `ground-truth`, or a JSONL of `{id | video + query, text}`, with `mode` where the modes differ.
        protocol: Renders the ground truth.
        samples: What must have an answer.
        modes: In which modes.

    Raises:
        InputError: The file cannot be read or misses samples.
    """
    if source == GROUND_TRUTH:
        return lambda row: ground_truth(protocol, row["targets"], row["duration_s"], row["mode"])
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
