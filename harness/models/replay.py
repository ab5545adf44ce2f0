"""A model that answers from a file of recorded replies."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.frames import Frames
from harness.models.base import Question, Reply
from tasks.errors import Failure, InputError

FORMAT = 'JSONL with {"id": …, "text": …} or {"video": …, "query": …, "text": …} a line; "mode" is optional'


class ReplayModel:
    """Replies by sample id, or by video and query; a row without `mode` answers every mode.

    Raises:
        InputError: The file is missing or a line is not of this shape.
    """

    needs_video = False
    pixel_factor = 1

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError("a file of replies after `replay:`", f"no file {path}", "harness run --model replay:FILE …")
        content = path.read_bytes()
        self.name = f"replay:{path.name}"
        self._sha256 = hashlib.sha256(content).hexdigest()
        self._texts: dict[tuple[str, ...], str] = {}
        for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
            if line.strip():
                self._add(path, number, line)

    def _add(self, path: Path, number: int, line: str) -> None:
        try:
            row = json.loads(line)
            key = (row["id"],) if "id" in row else (row["video"], row["query"])
            if row.get("error") is None:
                self._texts[(*key, row.get("mode", ""))] = str(row["text"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(FORMAT, f"{path} line {number}: {error!r}", "correct the line and run again") from error

    def describe(self) -> dict[str, Any]:
        """File name and hash."""
        return {"name": self.name, "backend": "replay", "sha256": self._sha256}

    def answer(self, _: Frames | None, questions: Sequence[Question]) -> list[Reply | Failure]:
        """The recorded reply to each question, or a failure named `no-row`."""
        return [self._reply(question) for question in questions]

    def _reply(self, question: Question) -> Reply | Failure:
        sample = question.sample
        for key in ((sample.id,), (sample.video, sample.query)):
            for mode in (question.mode, ""):
                if (*key, mode) in self._texts:
                    return Reply(self._texts[(*key, mode)], hashlib.sha256(question.text.encode()).hexdigest())
        return Failure("no-row", f"{self.name} has no reply for {sample.id} in mode {question.mode}")
