"""Runs to look at: on benchmarks written here, by models that reply what a test wants."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.models.base import Reply
from harness.plan import make_plan
from harness.run import run
from tasks.errors import Failure
from tasks.question import Question

Say = Callable[[Question], str | None]


class Sayer:
    """Replies what a function says; None is an error."""

    needs_video, pixel_factor = False, 1

    def __init__(self, say: Say) -> None:
        self.say = say

    def describe(self) -> dict[str, Any]:
        return {"name": "sayer", "backend": "none"}

    def answer(self, _: Any, questions: Sequence[Question]) -> list[Reply | Failure]:
        said = ((question, self.say(question)) for question in questions)
        return [
            Failure("model-error", f"no <b>words</b> for {q.sample.id}") if t is None else Reply(t, "0" * 64) for q, t in said
        ]


@pytest.fixture
def write_annotations(tmp_path: Path) -> Callable[[Mapping[str, Any]], Path]:
    """Write a data root with a `synthetic` test split of this content, in the form `harness data make` gives it."""

    def write(content: Mapping[str, Any]) -> Path:
        folder = tmp_path / "written" / "synthetic"
        folder.mkdir(parents=True)
        (folder / "test.json").write_text(json.dumps(content))
        queries = sum(len(video["sentences"]) for video in content.values())
        split = {"file": "test.json", "sha256": None, "videos": len(content), "queries": queries}
        (folder / "manifest.json").write_text(json.dumps({"splits": {"test": split}}))
        return folder.parent

    return write


@pytest.fixture
def said_run(tmp_path: Path) -> Callable[..., Path]:
    """Make a run folder of a model that replies by a function of the question."""

    def make(data_root: Path, say: Say, name: str = "run", modes: Sequence[str] = ("direct",), limit: int | None = None) -> Path:
        folder = tmp_path / name
        plan = make_plan("synthetic", None, None, modes, data_root, limit=limit)
        run(plan, folder, lambda: Sayer(say), lambda _: pytest.fail("no video is needed"))
        return folder

    return make
