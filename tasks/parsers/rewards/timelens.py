"""The parser of the reward of TimeLens: its evaluation's ladder behind another search, with every `to` a hyphen."""

from tasks.answer import Answer
from tasks.parsers import timelens
from tasks.parsers.common import CLOSE, scope
from tasks.parsers.rewards.time_r1 import BEHIND, THINK


def parse(text: str, where: tuple[str, ...] = ("leading-pair", "whole")) -> Answer:
    """Read the answer of a reply that starts `<think>…</think><answer>…</answer>`, else the whole reply, thoughts included.

    `12.5to17.8` is 12.5 to 17.8 here and 12 to 8 in the evaluation; `12.5s - 17.8s` is 12 to 17 in both.

    Args:
        where: `leading-pair` comes first if it is named; the others are those of `tasks.parsers.common.SCOPES`.

    Source: TimeLens training/train/reward_funcs.py, tiou_reward, with extract_answer and extract_time (5d90c06).
    """
    found = _leading(text) if "leading-pair" in where else None
    if found is None:
        found = scope(text, [place for place in where if place != "leading-pair"]) or ""
    return timelens.parse(found.lower().replace("to", "-"))


def _leading(text: str) -> str | None:
    match = BEHIND.search(text, len(THINK)) if text.startswith(THINK) else None
    if match is None:
        return None
    answer, closed, _ = text[match.end() :].partition(CLOSE)
    return answer if closed else None
