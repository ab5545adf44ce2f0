"""A paper's table shows what needs no model beside its rows, where the annotations are at hand."""

from pathlib import Path

import pytest

from harness.cli import main


@pytest.mark.shared_data
def test_a_constant_span_stands_beside_the_rows_of_tempr1(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--layout", "tempr1-3", "--data-root", str(shared_data)]) == 0
    text = capsys.readouterr().out
    assert "train-prior" in text and "71.82" in text and "67.98" in text
    assert "the paper does not state the splits behind dense grounding and action localization" in text


def test_what_is_not_at_hand_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--layout", "tempr1-2", "--data-root", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "no baselines and upper bounds on anet-dense, anet-tal, nextgqa: their annotations are not at hand" in text
    assert "whole-video" not in text
