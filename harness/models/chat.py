"""How our questions are put to a chat template, ours or one of lmms-eval; needs neither it nor torch."""

from collections.abc import Mapping
from typing import Any

from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.rules import DecodingRules, PromptRules


def messages(prompt: PromptRules, video: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """The messages of one question on the video of a message part, in the order the protocol asks for."""
    parts: list[dict[str, Any]] = [video, {"type": "text", "text": text}]
    user = {"role": "user", "content": parts if prompt.order == "video-text" else parts[::-1]}
    system = [] if prompt.system is None else [{"role": "system", "content": [{"type": "text", "text": prompt.system}]}]
    return [*system, user]


def refuse(beyond: Mapping[str, bool], protocol: Protocol, expected: str) -> None:
    """Refuse a protocol with rules that a model cannot be told. Raises InputError."""
    if rules := [rule for rule, asked in beyond.items() if asked]:
        raise InputError(expected, f"{', '.join(rules)} in protocol {protocol.name}", "harness ls protocols")


def generation(decoding: DecodingRules) -> dict[str, Any]:
    """The generation arguments of a protocol; without `until`, lmms-eval would end replies at a blank line."""
    return {
        "max_new_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "do_sample": decoding.temperature > 0,
        "num_beams": 1,
        "until": [],
    }
