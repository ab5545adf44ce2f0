"""One line of `samples.jsonl`: what came back for one sample in one mode."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.frames import Frames
from harness.models.base import Reply
from harness.secret import redact
from tasks.errors import Failure
from tasks.question import Question

Record = dict[str, Any]
VERSION = 1
MISSING_VIDEO = "missing-video"
MODEL_ERROR = "model-error"
NEEDED = ("id", "mode", "text", "error", "tokens")
"""Without these a line of `samples.jsonl` cannot be read."""

_REASONS, _LIMITS = ("finish_reason", "finishReason", "stop_reason", "done_reason"), ("length", "max_tokens", "max_length")
_PARTS = ("tokens", "response", "body", "choices", "outputs", "candidates", "details")
"""Where records and the answers of servers tell why a reply ended."""
_TELLING = frozenset(("truncated", *_REASONS, *_PARTS))


def make_record(
    question: Question, outcome: Reply | Failure, seconds: float = 0.0, frames: Frames | None = None, file: str | None = None
) -> Record:
    """The record of a reply or of a typed failure; every record has every key but `wrong_clock_s` and `file`.

    A reply that is no text, as code of others may give it, is a failure named `model-error`. `file` is the identity of the video
    file that was looked at, see `harness.data.videos`.
    """
    if not isinstance(text := getattr(outcome, "text", ""), str):
        outcome = Failure(MODEL_ERROR, f"a reply that is no text but a {type(text).__name__}")
    record: Record = {"v": VERSION, "id": question.sample.id, "mode": question.mode, "text": None, "error": None}
    record |= {"prompt_sha256": None, "tokens": None, "frames": frames.fingerprint() if frames is not None else None}
    record |= {"seconds": round(seconds, 4), **({} if file is None else {"file": file})}
    if isinstance(outcome, Failure):
        return record | {"error": {"type": outcome.type, "message": outcome.message}}
    tokens = {"prompt": outcome.prompt_tokens, "new": outcome.new_tokens, "truncated": outcome.truncated}
    record |= {"text": outcome.text, "prompt_sha256": outcome.prompt_sha256, "tokens": tokens}
    return record | ({} if outcome.wrong_clock_s is None else {"wrong_clock_s": round(outcome.wrong_clock_s, 3)})


def error_type(record: Record | None) -> str | None:
    """The name of a record's error, None if it holds a reply."""
    return str(record["error"]["type"]) if record is not None and record["error"] is not None else None


def redacted(record: Record, secrets: Sequence[str]) -> Record:
    """A record without the secrets that a server or an exception echoes."""
    if record["error"] is not None:
        return {**record, "error": {**record["error"], "message": redact(record["error"]["message"], secrets)}}
    return {**record, "text": redact(record["text"], secrets)}


def check(record: Any) -> Record:
    """A line of `samples.jsonl` itself, if all that is read of it is as `make_record` writes it; else ValueError with the key."""
    if not isinstance(record, dict):
        raise ValueError(f"a {type(record).__name__}")
    if missing := [key for key in NEEDED if key not in record]:
        raise ValueError(f"no {', '.join(missing)}")
    text, error, tokens = record["text"], record["error"], record["tokens"]
    as_written = {
        "id": isinstance(record["id"], str),
        "mode": isinstance(record["mode"], str),
        "text": text is None or isinstance(text, str),
        "error": error is None or (isinstance(error, dict) and all(isinstance(error.get(k), str) for k in ("type", "message"))),
        "text and error, of which one is null": (text is None) != (error is None),
        "tokens": tokens is None or (isinstance(tokens, dict) and _count(tokens.get("prompt")) and _count(tokens.get("new"))),
        "seconds": _number(record.get("seconds", 0.0)),
        "wrong_clock_s": _number(record.get("wrong_clock_s", 0.0)),
        "what only rows of predictions may hold": record.keys().isdisjoint(("prediction", "read", "earlier")),
    }
    if wrong := [key for key, right in as_written.items() if not right]:
        raise ValueError(f"{wrong[0]}: not as the harness writes it")
    return record


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf


def was_truncated(record: Mapping[str, Any]) -> bool:
    """Whether the length limit ended the reply of a record of ours."""
    return bool(record.get("truncated") or (record.get("tokens") or {}).get("truncated"))


def is_cut_off(row: Mapping[str, Any]) -> bool:
    """Whether the length limit ended a reply, as far as a row of any program says so."""
    if _TELLING.isdisjoint(row):
        return False
    if str(row.get("truncated")).casefold() == "true" or any(str(row.get(key)).casefold() in _LIMITS for key in _REASONS):
        return True
    parts = (part[0] if isinstance(part, list) and part else part for key in _PARTS if (part := row.get(key)) is not None)
    return any(is_cut_off(part) for part in parts if isinstance(part, Mapping))
