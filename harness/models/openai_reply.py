"""What a chat completions server sent back: the reply in it, or a typed failure that says why none can be taken from it."""

import json
from collections.abc import Mapping
from typing import Any

from harness.models.base import Reply
from tasks.errors import Failure

BAD_RESPONSE, EMPTY_REPLY = "bad-response", "empty-reply"
LARGEST = 1 << 24
"""Bytes of a body that are read; a reply of any protocol is far shorter."""

LARGEST_COUNT = 10**9
TRUNCATED = ("length", "max_tokens")
BROKEN_OFF = ("abort", "error", "content_filter")
"""Finish reasons of replies that end where the model did not end them."""

BESIDE = ("reasoning", "reasoning_content", "refusal", "tool_calls", "audio")
"""Where servers put what is not the reply."""

SHOWN = 120


class _OddError(Exception):
    """What is wrong with an answer."""


def read(body: bytes, prompt_sha256: str) -> Reply | Failure:
    """Read the body of an answer with status 200; tokens that the server does not count are 0.

    Failures: `empty-reply` (a choice without text), `bad-response` (anything that is no chat completion, says that the reply
    was broken off, or can be read in two ways).
    """
    if len(body) > LARGEST:
        return Failure(BAD_RESPONSE, f"a body of more than {LARGEST >> 20} MiB")
    try:
        answer = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Failure(BAD_RESPONSE, f"a body of {len(body):,} bytes that is no JSON: {_short(body.decode(errors='replace'))}")
    try:
        return _completion(_of(dict, answer, "the body"), prompt_sha256)
    except _OddError as odd:
        return Failure(BAD_RESPONSE, str(odd))


def _completion(answer: Mapping[str, Any], prompt_sha256: str) -> Reply | Failure:
    if answer.get("error") is not None:
        raise _OddError(f"status 200 with an error: {_short(answer['error'])}")
    found = [_choice(_of(dict, choice, "a choice")) for choice in _of(list, answer.get("choices"), "choices")]
    if not found:
        raise _OddError("no choices")
    if any(other != found[0] for other in found):
        raise _OddError(f"{len(found)} choices that differ, where one was asked for")
    usage = _of(dict, answer.get("usage") or {}, "usage")
    text, truncated = found[0]
    counts = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    return text if isinstance(text, Failure) else Reply(text, prompt_sha256, *counts, truncated)


def _choice(choice: Mapping[str, Any]) -> tuple[str | Failure, bool]:
    """The text of a choice, and whether the length limit ended it."""
    message = _of(dict, choice.get("message"), "message")
    content, finish = message.get("content"), choice.get("finish_reason")
    if finish is not None and (_of(str, finish, "finish_reason")).lower() in BROKEN_OFF:
        raise _OddError(f"a reply that was broken off: finish reason {finish}")
    truncated = finish is not None and finish.lower() in TRUNCATED
    if content is None or content == "":
        return Failure(EMPTY_REPLY, f"no content, finish reason {_short(finish)}{_beside(message)}"), truncated
    return _of(str, content, "content"), truncated


def _beside(message: Mapping[str, Any]) -> str:
    """What an empty message holds in other fields, so that a reader of the failure knows where the reply went."""
    held = [(name, message[name]) for name in BESIDE if message.get(name)]
    sizes = [f"`{key}` held {len(value):,} characters" if isinstance(value, str) else f"it holds `{key}`" for key, value in held]
    return "".join(f"; {size}" for size in sizes)


def _count(usage: Mapping[str, Any], key: str) -> int:
    value = usage.get(key)
    if value is None:
        return 0
    if type(value) not in (int, float) or not 0 <= value <= LARGEST_COUNT or value != int(value):
        raise _OddError(f"usage.{key} is no count of tokens: {_short(value)}")
    return int(value)


def _of(kind: type, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise _OddError(f"{what} is no {kind.__name__}: {_short(value)}")
    return value


def _short(value: Any) -> str:
    """A value for a message; containers of any depth by their type alone."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"
