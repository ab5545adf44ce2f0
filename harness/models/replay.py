"""A model that answers from a file of recorded replies, in any form of docs/predictions.md."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.frames import Frames
from harness.models.base import Reply
from harness.predictions.collect import Collected
from harness.predictions.read import Predictions, Row, as_record
from harness.records import Record, is_cut_off
from tasks.errors import Failure, InputError, quoted
from tasks.question import Question
from tasks.sample import Sample

ANY_MODE = ""


class ReplayModel:
    """Replies by sample; a row without `mode` answers every mode, the last of several counts. `notes` says how they were read."""

    needs_video = False
    pixel_factor = 1

    def __init__(self, path: Path, samples: Sequence[Sample], reply_key: str | None = None) -> None:
        """Read the replies to these samples, under `reply_key` or as the file shows. Raises InputError, also for moments."""
        if not path.is_file():
            raise InputError("a file of replies after `replay:`", f"no file {path}", "harness run --model replay:FILE …")
        self.name = f"replay:{path.name}"
        self._asked = {} if reply_key is None else {"reply_key": reply_key}
        file, collected = Predictions(path, samples, reply_key), Collected((ANY_MODE,))
        for row in file:
            collected.add(row, _record(path, row))
        with path.open("rb") as content:
            self._sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        self._records = collected.records
        self.notes = [*file.notes, *collected.notes]

    def describe(self) -> dict[str, Any]:
        """File name and hash."""
        return {"name": self.name, "backend": "replay", "sha256": self._sha256, **self._asked}

    def answer(self, _: Frames | None, questions: Sequence[Question]) -> list[Reply | Failure]:
        """The recorded reply to each question, the recorded error, or a failure named `no-row`."""
        return list(map(self._reply, questions))

    def _reply(self, question: Question) -> Reply | Failure:
        for mode in (question.mode, ANY_MODE):
            if (record := self._records.get((question.sample.id, mode))) is not None:
                if record["error"] is not None:
                    return Failure(**record["error"])
                return Reply(record["text"], hashlib.sha256(question.text.encode()).hexdigest(), truncated=is_cut_off(record))
        return Failure("no-row", f"{self.name} has no reply for {question.sample.id} in mode {question.mode}")


def _record(path: Path, row: Row) -> Record:
    if row.prediction is not None and row.prediction.spans:
        found = f"{path}, {row.where}: moments, which no model said"
        step = f"harness score {quoted(path)} --task TASK (see docs/predictions.md)"
        raise InputError("texts, as a model replies", found, step)
    record = as_record(row, None)
    return record if record["error"] else {**record, "text": row.text or ""}
