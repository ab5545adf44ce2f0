"""The file of a page: what may stand in it, how large it gets, and that the same run gives the same bytes."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboards.view import page
from leaderboards.view.page import CUTS, cut, index_page, packed, run_page, unpacked
from leaderboards.view.runs import choose, data_of
from tasks.question import Question

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)"> {{data}} {{script}} &lt; \u202e \x00'


def written(data_root: Path, *runs: Path) -> str:
    return run_page(data_of(choose(runs, data_root=data_root), runs[0] / "view.html"))


def whole(question: Question) -> str:
    return f"0 to {question.sample.duration_s}"


@given(st.text(), st.integers(0, 50))
def test_a_reply_is_kept_whole_or_its_ends_are(text: str, longest: int) -> None:
    kept = cut(text, longest)
    if isinstance(kept, str):
        assert kept == text
    else:
        assert kept is not None
        head, left, tail = kept
        assert len(head) + len(tail) == longest
        assert text == head + text[len(head) : len(head) + left] + tail
        assert abs(len(head) - len(tail)) <= 1


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_data_come_back_and_cannot_leave_their_element(value: Any) -> None:
    data = {"title": value}
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed(data))
    assert unpacked(index_page(data)) == data


def test_hostile_text_stands_nowhere_in_the_page(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    text = written(benchmark_root, said_run(benchmark_root, lambda _: HOSTILE))
    assert text.isascii()
    assert text.count("<script") == text.count("</script") == 2
    for part in ("alert(", "onerror", "{{"):
        assert part not in text
    assert set(unpacked(text)["answers"][0]["direct"]["text"]) == {HOSTILE}


def test_half_of_a_surrogate_pair_is_kept(benchmark_root: Path) -> None:
    assert unpacked(index_page({"title": "\ud800"}))["title"] == "\ud800"


def test_only_the_own_script_and_style_may_run(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    text = written(benchmark_root, said_run(benchmark_root, whole))
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for kind, element in (
        ("script", re.findall(r"<script>(.*?)</script>", text, re.DOTALL)),
        ("style", re.findall(r"<style>(.*?)</style>", text, re.DOTALL)),
    ):
        (content,) = element
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_page_loads_nothing_and_builds_no_html_from_text() -> None:
    folder = Path(page.__file__).parent
    for path in [*folder.glob("*.js"), *folder.glob("*.css"), *folder.glob("*.html")]:
        text = path.read_text(encoding="utf-8")
        assert text.isascii(), path
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|@import|url\(|fetch\(", text
        )
        assert found == [], path
        assert re.findall(r"https?://\S+", text) in ([], ['http://www.w3.org/2000/svg";']), path


def test_the_same_run_gives_the_same_bytes(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    folder = said_run(benchmark_root, whole)
    assert written(benchmark_root, folder) == written(benchmark_root, folder)


def test_one_long_reply_is_shortened_and_says_so(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    reply = "<think>" + "x" * 1_000_000 + "</think>1 to 4"
    text = written(benchmark_root, said_run(benchmark_root, lambda q: reply if q.sample.video == "test_0000" else "1 to 4"))
    data = unpacked(text)
    assert data["longest"] == CUTS[0]
    head, left, tail = data["answers"][0]["direct"]["text"][0]
    assert (len(head) + len(tail), left) == (CUTS[0], len(reply) - CUTS[0])
    assert tail.endswith("1 to 4")
    assert data["answers"][0]["direct"]["text"][-1] == "1 to 4"
    assert len(text) < 200_000


def test_replies_are_shortened_until_the_page_fits(
    benchmark_root: Path, said_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def noise(question: Question) -> str:
        return "".join(hashlib.sha256(f"{question.sample.id}{i}".encode()).hexdigest() for i in range(100))

    folder = said_run(benchmark_root, noise)
    monkeypatch.setattr(page, "LIMIT", 120_000)
    text = written(benchmark_root, folder)
    assert len(text) <= 120_000
    assert 0 < unpacked(text)["longest"] < 6_400
    monkeypatch.setattr(page, "LIMIT", 10)
    assert unpacked(written(benchmark_root, folder))["longest"] == 0
