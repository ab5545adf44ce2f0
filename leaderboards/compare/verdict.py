"""What a comparison allows to be said: what is better, by how much, beyond noise or not, and of what it speaks. Pure."""

import re
from collections.abc import Mapping, Sequence
from os.path import commonprefix
from typing import Any

from leaderboards.compare.paired import SEEDS
from leaderboards.compare.words import TOO_FEW, chance, interval, letters, signed

LEVEL = 0.05


def verdict(
    one: str,
    other: str,
    metric: str,
    figures: Mapping[str, Any],
    runs: Sequence[int] = (1, 1),
    sd: float | None = None,
    corrected: bool = False,
    is_one_run: bool = False,
) -> str:
    """The claim, and unless both are recipes over `SEEDS` runs or more, a sentence that says of what it speaks.

    Args:
        one: What is judged.
        other: What it is compared with.
        metric: The primary metric of the kind of question.
        figures: `difference` (one - other, in points), `interval_95`, `p`, `detectable`, and `p_holm` where it is corrected.
        runs: How many runs of each there are, of different seeds.
        sd: Greatest standard deviation of the metric over the runs of one of them; None where it is not known.
        corrected: Whether several comparisons were made, for whose number `p_holm` is corrected.
        is_one_run: Whether both are modes of one run.
    """
    p = figures["p_holm"] if corrected else figures["p"]
    over = f" over {_seeds(runs)} seeds" if min(runs) >= SEEDS else ""
    if p is None or figures["difference"] is None:
        return f"{one} against {other}{over}: {f'{TOO_FEW} to tell' if figures['n'] else 'no query counts in both'}."
    is_open = None in figures["interval_95"]
    spread = f"{TOO_FEW} for a 95 % interval" if is_open else f"95 % {interval(figures)}"
    size, bounds = figures["difference"], f"{spread}, p {chance(p)}{' after Holm' if corrected else ''}"
    if p <= LEVEL:
        which = "better" if size > 0 else "worse"
        said = f"{one} is {which} than {other} by {abs(size):.1f} {metric}{over}, more than noise ({bounds})"
    else:
        said = f"{one} cannot be told apart from {other}{over}: {signed(size)} {metric} is within noise ({bounds})"
        if figures["p"] <= LEVEL:
            said += ". Alone the difference would count, among these comparisons it does not"
        elif figures["detectable"] is not None:
            said += f". A difference of {figures['detectable']:.1f} would be found"
    return f"{said}.{'' if over else f' {_scope(runs, metric, sd, is_one_run)}'}"


def _seeds(runs: Sequence[int]) -> str:
    return " and ".join(map(str, dict.fromkeys(runs)))


def _scope(runs: Sequence[int], metric: str, sd: float | None, is_one_run: bool) -> str:
    if max(runs) == 1 and is_one_run:
        return "This verdict speaks of this checkpoint, not of its recipe: seeds of one recipe can differ as much."
    if max(runs) == 1:
        return "This verdict speaks of these two checkpoints, not of their recipes: seeds of one recipe can differ as much."
    known = "" if sd is None else f", whose standard deviation is {sd:.1f} {metric}"
    return f"This verdict speaks of these runs ({' against '.join(map(str, runs))}), not of other seeds{known}."


def alone(
    name: str, metric: str, value: float | None, bounds: Sequence[float | None] | None, blind: tuple[float, str] | None = None
) -> str:
    """What is said of a single run: its score with the 95 % interval, and how far it is above the best blind baseline.

    `blind` are the score and the name of that rule; None where there is none.
    """
    if value is None:
        return f"{name}: no {metric}."
    known = bounds is not None and None not in bounds
    said = f"{name} scores {value:.1f} {metric}" + (f" (95 % {bounds[0]:.1f} to {bounds[1]:.1f})" if bounds and known else "")
    if blind is None:
        return f"{said}."
    apart, which = value - blind[0], "more" if value >= blind[0] else "less"
    return f"{said}, {abs(apart):.1f} {which} than {blind[1]}, the best blind baseline."


def called(names: Sequence[str]) -> list[str]:
    """What systems are called in sentences and charts.

    A single one by its name, several by a letter and the part in which their paths differ; seeds by what their paths share.

    >>> called(["runs/sft/seed-0/test,runs/sft/seed-1/test", "runs/grpo/seed-0/test"])
    ['A sft/seed-*', 'B grpo/seed-0/test']
    >>> called(["sft on tacos@train, seed 0"])
    ['sft on tacos@train, seed 0']
    """
    # Letters, not folders: seed-0 and seed-1 share "seed-".
    shared = [f"{commonprefix(parts)}*" if len(parts := re.split(",(?! )", name)) > 1 else name for name in names]  # noqa: RUF071
    if len(names) < 2:
        return shared
    split = [name.split("/") for name in shared]
    for end in (0, -1):
        while min(map(len, split)) > 1 and len({part[end] for part in split}) == 1:
            for part in split:
                del part[end]
    return [f"{letter} {'/'.join(part)}" for letter, part in zip(letters(len(split)), split, strict=True)]
