"""A quick try of a model: videos that are there come first, replies are cut short, and scores go to a tracker."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import api
from harness.cli import main
from harness.plan import make_plan
from harness.synthetic.make import make
from tasks.errors import InputError

LOOKS = """
class Model:
    pixel_factor = 28
    def describe(self):
        return {}
    def answer(self, frames, questions):
        self.told_s = frames.time_s
        return ["<answer>1 to 4</answer>" for _ in questions]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make(tmp_path / "data", 0, {"train": 1, "test": 6})
    return tmp_path / "data"


def run(tmp_path: Path, data: Path, *more: str, code: int = 0) -> dict[str, Any]:
    (tmp_path / "mine.py").write_text(LOOKS)
    typed = ["run", "--model", f"{tmp_path / 'mine.py'}:Model", "--tasks", "synthetic", "--data-root", str(data)]
    assert main([*typed, "--output", str(tmp_path / "run"), *more]) == code
    found: dict[str, Any] = json.loads((tmp_path / "run" / "run.json").read_text()) if code == 0 else {}
    return found


def away(data: Path, tmp_path: Path, names: Sequence[str]) -> None:
    for name in names:
        (data / "synthetic" / "videos" / f"{name}.mp4").rename(tmp_path / f"{name}.mp4")


def test_a_limit_takes_videos_that_are_there_first_and_goes_on_with_them(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [f"test-000{i}" for i in range(4)]
    away(data, tmp_path, gone)
    spec = run(tmp_path, data, "--limit", "4")["spec"]
    said = capsys.readouterr()
    assert "LIMITED to 4 samples, those with a video at hand first" in said.out and "coverage" in said.out
    assert "first reply after " in said.err
    chosen = {sample.id: sample.video for sample in make_plan("synthetic", None, None, None, data).samples}
    assert [chosen[id_] in gone for id_ in spec["limit_ids"]] == [False] * 4
    assert len({chosen[id_] for id_ in spec["limit_ids"]}) == 2
    # More videos than samples are missing: the rest of the choice follows.
    assert len([s for s in make_plan("synthetic", None, None, None, data, limit=8).samples if s.video in gone]) == 2
    for name in gone:
        (tmp_path / f"{name}.mp4").rename(data / "synthetic" / "videos" / f"{name}.mp4")
    assert run(tmp_path, data, "--limit", "4")["spec"] == spec
    assert "nothing was asked" in capsys.readouterr().out or len(spec["limit_ids"]) == 4
    again = api.load_run(tmp_path / "run", data_root=data)
    assert {row["id"] for row in again.samples} == set(spec["limit_ids"])


def test_a_limit_is_the_choice_of_before_where_all_videos_are_there_or_none(tmp_path: Path, data: Path) -> None:
    whole = make_plan("synthetic", None, None, None, data, limit=5)
    away(data, tmp_path, [f"test-000{i}" for i in range(6)])
    none = make_plan("synthetic", None, None, None, data, limit=5)
    assert [s.id for s in whole.samples] == [s.id for s in none.samples]
    assert "limit_ids" not in whole.spec() and "limit_ids" not in none.spec()


def test_another_length_limit_is_another_protocol(tmp_path: Path, data: Path) -> None:
    protocol = run(tmp_path, data, "--max-new-tokens", "5")["spec"]["protocol"]
    plain = make_plan("synthetic", None, None, None, data).protocol
    assert protocol["name"] == "synthetic+5-tokens" and protocol["decoding"]["max_new_tokens"] == 5
    assert protocol["sha256"] != plain.sha256
    opened = api.load_run(tmp_path / "run", data_root=data)
    assert opened.identity["protocol"].startswith("synthetic+5-tokens (")
    run(tmp_path, data, "--max-new-tokens", "0", code=2)


def test_scores_go_to_the_tracker_that_is_named(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    class Started:
        def __enter__(self) -> Any:
            return SimpleNamespace(log=told.update)

        def __exit__(self, *_: object) -> None:
            told["finished"] = True

    def init(**given: Any) -> Started:
        told["init"] = given
        return Started()

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, __spec__=SimpleNamespace(name="wandb")))
    spec = run(tmp_path, data, "--report-to", "wandb")["spec"]
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())["modes"]["direct"]
    assert told["finished"] and told["init"]["project"] == "vtg-harness"
    assert told["init"]["config"]["protocol.sha256"] == spec["protocol"]["sha256"]
    assert {"task", "split_sha256", "environment.commit"} <= told["init"]["config"].keys()
    assert told["synthetic@test/direct/mIoU"] == scores["aggregate"]["mIoU"]
    assert told["synthetic@test/direct/parse rate"] == scores["parse_rate"]
    assert told["synthetic@test/direct/answered"] == scores["counts"]["answered"] == 18


@pytest.mark.parametrize(
    ("names", "words"),
    [("wanb", "'wanb' (nearest: wandb)"), ("wandb,nowhere", "'nowhere'"), ("gone", "pip install 'vtg-harness[gone]'")],
)
def test_a_tracker_that_cannot_be_used_stops_the_run_before_it_begins(
    tmp_path: Path, data: Path, names: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trackers.SENDERS", {"wandb": print, "gone": print})
    run(tmp_path, data, "--report-to", names, code=2)
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.json").exists()


def test_what_a_tracker_raises_loses_nothing(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no such server")

    monkeypatch.setattr("harness.trackers.SENDERS", {"wandb": refuse})
    run(tmp_path, data, "--report-to", "wandb", code=2)
    assert "wandb: RuntimeError: no such server" in capsys.readouterr().err
    assert (tmp_path / "run" / "scores.json").is_file()


def test_replies_that_are_not_read_name_the_protocols_that_read_them(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a model that was asked gives them, not a file."""
    (tmp_path / "prose.py").write_text(LOOKS.replace("<answer>1 to 4</answer>", "From 1.0 to 4.0 seconds."))
    typed = ["run", "--model", f"{tmp_path / 'prose.py'}:Model", "--tasks", "synthetic", "--data-root", str(data)]
    assert main([*typed, "--protocol", "default", "--output", str(tmp_path / "run")]) == 0
    assert "reads a span in 0 of 18 replies" in (said := capsys.readouterr().err) and "`lmms-charades` reads 18" in said


def test_a_folder_of_videos_that_is_not_there_is_refused(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typo: what lies elsewhere would be taken without a word."""
    run(tmp_path, data, "--videos", str(tmp_path / "vidoes"), code=2)
    assert f"{tmp_path / 'vidoes'} does not exist" in capsys.readouterr().err
    with pytest.raises(InputError, match="vidoes does not exist"):
        make_plan("synthetic", None, None, None, data, videos=tmp_path / "vidoes")


def test_annotations_in_the_place_of_a_task_name_the_option_for_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "charades_sta_test.txt").write_text("3MSZA 24.3 30.4##person turn a light on.\n")
    assert main(["data", "check", str(tmp_path / "charades_sta_test.txt")]) == 2
    assert f"--tasks NAME --annotations {tmp_path / 'charades_sta_test.txt'}" in capsys.readouterr().err


def test_a_script_that_runs_a_model_needs_no_guard(tmp_path: Path, data: Path) -> None:
    """The processes that decode videos do not run the script again from which they come."""
    runs = "print('begins')\nprint(api.run(Model(), 'synthetic', limit=2, data_root='data', output='run'))\n"
    (tmp_path / "mine.py").write_text(f"from harness import api\n{LOOKS}\n{runs}")
    done = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.count("begins")) == (0, 1), done.stderr
    assert "2/2 (100.0%)" in done.stdout and all(path.is_dir() for path in (data, tmp_path / "run"))
