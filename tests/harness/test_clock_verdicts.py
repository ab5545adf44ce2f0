"""What a run says of its model's clock, and what `show` tells of the prompt, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from harness import api
from harness.cli import main
from harness.models.tiny import build
from harness.models.trivial import trivial
from harness.synthetic.make import make
from leaderboards.view.page import unpacked
from tasks import protocol
from tasks.metrics import iou
from tasks.sample import make_samples, one_query
from tasks.span import Span

SCHEMA = json.loads((Path(__file__).parents[2] / "harness" / "schemas" / "run.schema.json").read_text())
VERDICTS = {
    "qwen2_vl": "order of frames only: no seconds reach the model",
    "qwen2_5_vl": "right to 0.5 s",
    "qwen3_vl": "right to 0.1 s",
    "glm4v": "right to 1 s: whole seconds",
    "llava_onevision": "order of frames only: no seconds reach the model",
}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 4, "dev": 1, "test": 3})
    return root


@pytest.mark.parametrize("family", VERDICTS)
def test_a_run_says_how_right_its_clock_is(
    family: str, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, run = build(tmp_path / family, family), tmp_path / "run"
    options = ["--tasks", "synthetic", "--data-root", str(data_root), "--output", str(run)]
    assert main(["run", "--model", str(checkpoint), *options]) == 0
    shown = capsys.readouterr().out
    assert f"\nclock: {VERDICTS[family]}\n" in shown
    assert ("oracle-seconds" in shown) == (family == "glm4v")
    document = json.loads((run / "run.json").read_text())
    Draft202012Validator(SCHEMA).validate(document)
    assert document["spec"]["model"]["clock_verdict"] == VERDICTS[family]
    assert main(["run", "--model", str(checkpoint), *options]) == 0
    assert "nothing was asked" in capsys.readouterr().out
    limited, data = family not in ("qwen2_5_vl", "qwen3_vl"), ["--data-root", str(data_root)]
    for command in (["board", str(run), "--published", "none"], ["compare", str(run)], ["view", str(run)]):
        assert main([*command, *data]) == 0
        shown = capsys.readouterr().out
        shown = (
            shown if command[0] != "view" else "\n".join(unpacked((run / "view.html").read_text(encoding="utf-8"))["warnings"])
        )
        assert (f": clock: {VERDICTS[family]}" in shown) == limited, command[0]
        assert command[0] != "board" or ("oracle-seconds" in shown) == (family == "glm4v")
    cell = api.load_run(run, data_root=data_root)._repr_html_()
    assert f"clock: {VERDICTS[family]}" in cell and ("oracle-seconds" in cell) == (family == "glm4v")


def test_the_times_are_in_the_text_where_the_protocol_writes_them(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = build(tmp_path / "internvl", "internvl")
    options = ["--data-root", str(data_root), "--protocol", "default-times"]
    one = ["--limit", "1", "--output", str(tmp_path / "run")]
    assert main(["show", "synthetic", "--model", str(checkpoint), *options]) == 0
    shown = capsys.readouterr().out
    assert "Frame1: Frame at 0.0s:<img><IMG_CONTEXT> x 4 </img>" in shown
    assert main(["run", "--model", str(checkpoint), "--tasks", "synthetic", *options, *one]) == 0
    assert "\nclock: right to 0.1 s\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("family", "prompt"),
    [
        ("qwen2_5_vl", "<|vision_start|><|video_pad|> x "),
        ("qwen3_vl", " seconds><|vision_start|><|video_pad|>"),
        ("glm46v", "<|end_of_image|>0.0 seconds<|begin_of_image|>"),
        ("llava_onevision", "<|im_start|>user\n    <video> x "),
    ],
)
def test_show_writes_the_prompt_out(
    family: str, prompt: str, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = build(tmp_path / family, family)
    (checkpoint / "model.safetensors").chmod(0o600)
    assert main(["show", "synthetic", "--model", str(checkpoint), "--data-root", str(data_root)]) == 0
    shown = capsys.readouterr().out
    assert prompt in shown and "When is the" in shown.partition("as it reaches")[2]


def test_a_ceiling_of_whole_seconds_is_the_best_that_they_can_say() -> None:
    spans = [Span(1.4, 3.6), Span(2.0, 5.0), Span(0.1, 0.4), Span(7.9, 8.2), Span(3.5, 9.51)]
    samples = make_samples("t", [one_query(f"v{i}", 20.0, "q", [span]) for i, span in enumerate(spans)])
    model = trivial("oracle-seconds", protocol.load("default"), list, 0)
    assert model is not None
    for sample, true in zip(samples, spans, strict=True):
        ((start, end),) = model.answer_of(sample).spans
        assert start == int(start) and end == int(end) and start < end
        told = np.array([[a, b] for a in range(12) for b in range(a + 1, 12)], dtype=np.float64)
        fit = iou(told, np.tile([true.start_s, true.end_s], (len(told), 1)))
        assert fit[(told == [start, end]).all(axis=1)] == pytest.approx(fit.max())
