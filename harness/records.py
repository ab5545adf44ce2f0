"""One line of `samples.jsonl`: what came back for one sample in one mode."""

from collections.abc import Mapping
from typing import Any

from harness.frames import Frames
from harness.models.base import Question, Reply
from tasks.errors import Failure

Record = dict[str, Any]
VERSION = 1
MISSING_VIDEO = "missing-video"
MODEL_ERROR = "model-error"
_REASONS, _LIMITS = ("finish_reason", "finishReason", "stop_reason", "done_reason"), ("length", "max_tokens", "max_length")
_PARTS = ("tokens", "response", "body", "choices", "outputs", "candidates", "details")
"""Where records and the answers of servers tell why a reply ended."""


def make_record(question: Question, outcome: Reply | Failure, seconds: float = 0.0, frames: Frames | None = None) -> Record:
    """The record of a reply or of a typed failure; every record has every key but `wrong_clock_s`."""
    record: Record = {"v": VERSION, "id": question.sample.id, "mode": question.mode, "text": None, "error": None}
    record |= {"prompt_sha256": None, "tokens": None, "frames": frames.fingerprint() if frames is not None else None}
    record["seconds"] = round(seconds, 4)
    if isinstance(outcome, Failure):
        record["error"] = {"type": outcome.type, "message": outcome.message}
    else:
        record["text"] = outcome.text
        record["prompt_sha256"] = outcome.prompt_sha256
        record["tokens"] = {"prompt": outcome.prompt_tokens, "new": outcome.new_tokens, "truncated": outcome.truncated}
        record |= {} if outcome.wrong_clock_s is None else {"wrong_clock_s": round(outcome.wrong_clock_s, 3)}
    return record


def error_type(record: Record | None) -> str | None:
    """The name of a record's error, None if it holds a reply."""
    return str(record["error"]["type"]) if record is not None and record["error"] is not None else None


def is_cut_off(row: Mapping[str, Any]) -> bool:
    """Whether the length limit ended a reply, as far as a record of ours or a row of another program says so."""
    if str(row.get("truncated")).casefold() == "true" or any(str(row.get(key)).casefold() in _LIMITS for key in _REASONS):
        return True
    parts = (part[0] if isinstance(part, list) and part else part for key in _PARTS if (part := row.get(key)) is not None)
    return any(is_cut_off(part) for part in parts if isinstance(part, Mapping))
