"""Runs to look at: on benchmarks written here, by models that reply what a test wants."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.models.base import Reply
from harness.plan import make_plan
from harness.run import run
from tasks.answer import Answer
from tasks.errors import Failure
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import Sample
from tasks.say import say

Say = Callable[[Question], str | None]
PROTOCOLS = {
    "moment": "default",
    "union": "tempr1-union",
    "windows": "qvh-official",
    "highlights": "qvh-hl-flat",
    "pairs": "default-pairs",
    "choice": "default-choice",
    "instances": "default-instances",
    "clips": "tvsum",
    "retrieval": "vue-tr",
    "point": "etbench-vhd",
    "seconds": "etbench-evs",
}
"""One of each kind."""


def own_rows(kind: str) -> list[dict[str, Any]]:
    """Rows of own data that a kind can be asked about: videos of 40 s and longer, no two alike."""
    return [{"video": f"v{i}", "duration": 40 + 4 * i, **_row(kind, i)} for i in range(6)]


def _row(kind: str, i: int) -> dict[str, Any]:
    spans = [[2 + i, 8 + i], [14, 20], [30, 36 + i / 2]]
    one, scores = {"query": f"thing {i}"}, [[k % 5, (k + i) % 3] for k in range(20 + 2 * i)]
    match kind:
        case "pairs":
            count = 1 + i % 3
            return {"queries": [f"event {i}.{k}" for k in range(count)], "spans": spans[:count]}
        case "choice":
            return {**one, "options": ["a hand", "wind", f"cat {i}"], "answer": "ABC"[i % 3], "spans": spans[:2]}
        case "highlights":
            return {**one, "scores": scores}
        case "windows":
            return {**one, "scores": scores, "spans": spans}
        case "clips":
            return {**one, "scores": scores[:4], "clips": [[0, 3], [3, 10 + i], [10 + i, 30], [30, 38]]}
    return {**one, "spans": spans}


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


@pytest.fixture
def own_file(tmp_path: Path) -> Callable[..., Path]:
    """Write own data of a kind, by default `own_rows`."""

    def write(kind: str, rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
        file = tmp_path / f"{kind}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows or own_rows(kind)))
        return file

    return write


@pytest.fixture
def asked_kind(own_file: Callable[..., Path]) -> Callable[[str], tuple[list[Sample], Protocol]]:
    """Samples of a kind and the rules they are asked under."""

    def asked(kind: str) -> tuple[list[Sample], Protocol]:
        plan = make_plan(str(own_file(kind)), None, PROTOCOLS[kind], None, None)
        assert plan.protocol.kind == kind
        return list(plan.samples), plan.protocol

    return asked


@pytest.fixture
def kind_run(tmp_path: Path, own_file: Callable[..., Path]) -> Callable[..., Path]:
    """Make a run folder of own data of a kind, by a model that says a function of the sample in the words of the protocol."""

    def make(
        kind: str,
        answer_of: Callable[[Sample], Answer],
        name: str = "run",
        rows: Sequence[Mapping[str, Any]] | None = None,
    ) -> Path:
        folder = tmp_path / kind / name
        plan = make_plan(str(own_file(kind, rows)), None, PROTOCOLS[kind], ("direct",), tmp_path)
        run(plan, folder, lambda: Sayer(lambda q: say(answer_of(q.sample), q.sample, q.protocol)), lambda _: None)
        return folder

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, extra dev, is not installed")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        # The sandbox of Chromium refuses to run as root, as containers of CI do.
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = started.chromium.launch(executable_path=chromium, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page; at the end it must have had no dialog, no error but of a video, and no request but for itself and videos."""
    pages: list[Any] = []
    wrong: list[str] = []

    def watch(request: Any, own: str) -> None:
        if request.url.partition("#")[0] != own and request.resource_type != "media":
            wrong.append(f"request of {request.url}")

    def hear(message: Any) -> None:
        if message.type == "error" and not message.location["url"].partition("#")[0].endswith(".mp4"):
            wrong.append(message.text)

    def open_page(file: Path, **options: Any) -> Any:
        page = browser.new_page(**{"viewport": {"width": 1300, "height": 900}, **options})
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", hear)
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda request: watch(request, file.as_uri()))
        page.goto(file.as_uri())
        page.wait_for_selector("main[aria-busy=false]")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert wrong == []
