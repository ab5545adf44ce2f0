"""Replies that were asked under one protocol and are scored under another: every verb says where the two do not fit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import api
from harness.cli import main as harness
from leaderboards.view.page import unpacked

OTHER = "reads 0 of 36 replies; synthetic (parser `careful`), under which they were asked, reads 36"
PERCENT = "vtimellm-percent reads percent, and the replies were asked under synthetic, which reads seconds"


@pytest.fixture
def run(said_run: Callable[..., Path], benchmark_root: Path) -> Path:
    """A run whose replies the protocol `synthetic` reads, and `trace` does not."""
    return said_run(benchmark_root, lambda _: "from 1 to 4")


@pytest.mark.parametrize(("protocol", "told"), [("trace", OTHER), ("vtimellm-percent", PERCENT)])
@pytest.mark.parametrize("verb", ["score", "board", "compare", "view", "plot", "export"])
def test_every_verb_that_scores_again_says_that_replies_do_not_fit(
    verb: str, protocol: str, told: str, run: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"view": "page.html", "plot": "figure.svg", "export": "rows.csv"}
    typed = [verb, str(run), "--data-root", str(benchmark_root)]
    typed += ["--output", str(tmp_path / files[verb])] if verb in files else []

    def said(*more: str) -> str:
        capsys.readouterr()
        assert harness([*typed, *more]) == 0
        written = capsys.readouterr()
        page = unpacked((tmp_path / files[verb]).read_text())["warnings"] if verb == "view" else []
        return "\n".join([written.out, written.err, *page])

    assert told in said("--protocol", protocol)
    assert "under which they were asked" not in (fits := said()) and "reads percent" not in fits


def test_no_verdict_and_no_place_come_of_replies_in_another_form(
    run: Path, said_run: Callable[..., Path], benchmark_root: Path
) -> None:
    other = said_run(benchmark_root, lambda _: "from 2 to 4", "other")
    found = api.compare(run, other, protocol="trace", data_root=benchmark_root)
    assert found.result["modes"]["direct"]["comparisons"][0]["verdict"] is None
    assert repr(found).startswith("No verdict:")
    blocks = {
        row["block"] for row in api.board(run, other, protocol="trace", data_root=benchmark_root).rows if row["kind"] == "run"
    }
    assert blocks == {"below"}
    assert OTHER in repr(api.score(run, protocol="trace", data_root=benchmark_root))


def test_a_run_that_is_read_little_by_its_own_protocol_too_keeps_its_place(
    said_run: Callable[..., Path], benchmark_root: Path
) -> None:
    run = said_run(benchmark_root, lambda _: "never")
    assert api.score(run, protocol="trace", data_root=benchmark_root).misread is None
