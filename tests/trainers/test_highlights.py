"""Highlight detection is trained: TempSamp-R1, section 3.3, on videos made here, annotated as QVHighlights annotates."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.synthetic.make import encode
from tasks import task as tasks
from tasks.formats.qvhighlights import read_release
from tasks.task import Source, Split

CLIPS = {"left": {0: (4, 3, 4), 1: (3, 3, 3)}, "right": {5: (2, 3, 2), 6: (4, 4, 4)}}
"""Clips that three annotators scored, by video; each video has 8 clips of 2 s."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    (root / "qvhighlights" / "videos").mkdir(parents=True)
    rows = []
    for number, (video, scores) in enumerate(CLIPS.items()):
        pixels = np.full((32, 64, 64, 3), 40, dtype=np.uint8)
        for clip in scores:
            pixels[4 * clip : 4 * clip + 4] = (200, 60, 60)
        encode(root / "qvhighlights" / "videos" / f"{video}.mp4", pixels)
        windows = [[2 * min(scores), 2 * max(scores) + 2]]
        row = {"qid": number, "query": "the screen is red", "duration": 16, "vid": video, "relevant_windows": windows}
        rows.append({**row, "relevant_clip_ids": list(scores), "saliency_scores": [list(each) for each in scores.values()]})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "qvhighlights" / "train.jsonl").write_text(text, encoding="utf-8")
    return root


def test_own_replies_earn_more_reward(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a model that has read the form of the answer, by SFT on the same rows, the policy's own replies get better."""
    own = Split((Source({"qvhighlights/train.jsonl": None}, read_release),), 2, 2)
    task = replace(tasks.find("qvhighlights", data), published={"train": own})
    monkeypatch.setattr(tasks, "find", lambda *_: task)
    common = [
        "--task",
        "qvhighlights@train",
        "--data-root",
        str(data),
        "--set",
        "prompts_per_device=2",
        "--set",
        "prompts_per_step=2",
    ]
    epochs = ["--set", f"epochs={['direct'] * 200}", "--set", "lr_scheduler_type=constant", "--set", "save_strategy='no'"]
    epochs += ["--set", "gradient_checkpointing=False"]
    sft = ["train", "--recipe", "sft", "--model", str(checkpoints["qwen3_vl"]), "--protocol", "qvh-hl-aligned", *common, *epochs]
    assert main([*sft, "--output", str(tmp_path / "sft"), "--set", "learning_rate=0.003", "--set", "max_steps=70"]) == 0
    out = tmp_path / "out"
    rl = ["train", "--recipe", "tempsamp-highlights", "--model", str(tmp_path / "sft"), *common, *epochs, "--output", str(out)]
    rl += [
        part
        for change in ("learning_rate=0.0005", "max_steps=10", "max_completion_length=80", "beta=0")
        for part in ("--set", change)
    ]
    assert main(rl) == 0
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    steps = [entry for entry in log if "loss" in entry]
    own, parsed = ([entry[name] for entry in steps] for name in ("own/reward", "parse_rate"))
    assert np.mean(own[-4:]) > np.mean(own[:4]) + 0.05
    assert np.mean(parsed[-4:]) >= np.mean(parsed[:4])
    assert json.loads((out / "train.json").read_text())["spec"]["protocol"]["name"] == "qvh-hl-aligned"
