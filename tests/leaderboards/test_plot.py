"""`harness plot`: what the figure holds, in both formats."""

import builtins
import io
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.commands import plot
from tasks.errors import InputError
from tasks.question import Question

pytest.importorskip("matplotlib", reason="matplotlib, extra plots, is not installed")


def middle(question: Question) -> str:
    return f"{question.sample.duration_s / 4} to {question.sample.duration_s / 2}"


def draw(data_root: Path, output: Path, *runs: Path) -> None:
    given = {"protocol": None, "videos": [], "force": False, "output": str(output), "data_root": str(data_root)}
    assert plot.main(Namespace(**given, runs=list(map(str, runs)))) == 0


def test_an_svg_names_its_runs_and_figures(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> None:
    first = said_run(benchmark_root, middle, "model/runs/$x_$<b>")
    (tmp_path / "model" / "log.jsonl").write_text("".join(f'{{"step": {i}, "reward": {i / 4}}}\n' for i in range(4)))
    second = said_run(benchmark_root, lambda _: "1 to 4", "second")
    output = tmp_path / "figure.svg"
    draw(benchmark_root, output, first, second)
    text = output.read_text()
    for words in ("IoU threshold", "R1, %", "reward", "step", "36 queries", "($x_$&lt;b&gt;) direct", "B ", "(second) direct"):
        assert words in text, words
    draw(benchmark_root, tmp_path / "again.svg", first, second)
    assert (tmp_path / "again.svg").read_text() == text
    assert not re.search(r"<dc:date>", text)


def test_a_png_shows_the_curve(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    draw(benchmark_root, tmp_path / "figure.PNG", said_run(benchmark_root, middle))
    pixels = np.asarray(image.open(io.BytesIO((tmp_path / "figure.PNG").read_bytes())).convert("RGB")).astype(int)
    height, width, _ = pixels.shape
    blue = np.abs(pixels - np.array([0x0A, 0x58, 0xCA])).sum(axis=2) < 40
    assert 1200 < width < 1500
    assert blue[:, : width // 2].sum() > 200
    assert blue[:, width // 2 :].sum() > 200
    rows, columns = np.nonzero(blue[:, : width // 2])
    left, right = (rows[np.abs(columns - at) < 5].mean() for at in (columns.min(), columns.max()))
    assert left < right <= height


def test_other_formats_and_a_missing_package_are_refused(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = said_run(benchmark_root, middle)
    with pytest.raises(InputError, match=r"\.png or \.svg"):
        draw(benchmark_root, tmp_path / "figure.gif", folder)
    with pytest.raises(InputError, match="each run once"):
        draw(benchmark_root, tmp_path / "figure.svg", folder, folder)
    imported = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InputError, match=r"vtg-harness\[plots\]"):
        draw(benchmark_root, tmp_path / "figure.svg", folder)
