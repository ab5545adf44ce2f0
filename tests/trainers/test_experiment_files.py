"""The experiments that come with the project, and what they would train."""

import re
import shlex
from pathlib import Path

import pytest

from harness.arguments import parser
from harness.commands import experiment as command
from harness.synthetic.make import annotate
from tasks import outside
from tasks import task as tasks
from tasks.errors import InputError
from trainers import cells, experiment, located

NAMES = sorted(path.stem for path in located.FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_can_be_read(name: str) -> None:
    """With a known recipe for each label, and splits of tasks that exist."""
    loaded = experiment.load(name)
    names = [*loaded.evaluate, *([loaded.dev] if loaded.dev else [])]
    names += [part for one in cells.planned_cells(loaded, Path()) for part, _ in experiment.parse(loaded.mix(*_place(one)))]
    for split in names:
        assert tasks.divide(split)[1] and tasks.find(tasks.divide(split)[0])
    if name != "demo":
        assert all("gradient_accumulation_steps" not in change for change in loaded.changes(next(iter(loaded.recipes))))


@pytest.mark.parametrize(
    ("wrong", "right", "found"),
    [
        ("sedes: [0]", "seeds: [0]", "line 5: 'sedes' (nearest: seeds)"),
        ("seeds: [zero]", "seeds: [0]", "line 5: 'zero'"),
        ("grpo: gpro", "grpo: grpo", "line 3: 'gpro' (nearest: "),
        ("[grop, sft]", "[grpo, sft]", "line 4: 'grop' (nearest: grpo)"),
    ],
)
def test_what_is_wrong_in_a_file_has_its_line(wrong: str, right: str, found: str, tmp_path: Path) -> None:
    text = (
        "model: m\nevaluate: synthetic\nrecipes: {sft: sft, grpo: grpo}\ncontrasts: [[grpo, sft]]\nseeds: [0]\ntrain: synthetic\n"
    )
    (tmp_path / "mine.yaml").write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"mine.yaml {found}")):
        experiment.load(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(
    ("wrong", "right", "found"),
    [
        ("synthetc@test", "synthetic@test", "line 2: 'synthetc' (nearest: synthetic)"),
        ("synthetic@tst", "synthetic@test", "line 2: 'tst' (nearest: test)"),
        ("synthetic@trian", "synthetic@train", "line 6: 'trian' (nearest: train)"),
        ("[dircet]", "[direct]", "line 7: 'dircet' (nearest: direct)"),
        ("defualt", "default", "line 8: 'defualt' (nearest: default)"),
        ("grup_size=8", "beta=0", "line 3: 'grup_size' (nearest: group_size)"),
        ("learnin_rate=1", "beta=0", "line 3: 'learnin_rate' (nearest: learning_rate)"),
        ("--atn", "--attn", "line 9: '--atn' (nearest: --attn)"),
        ("learning_rat:", "learning_rate:", "line 10: 'learning_rat' (nearest: learning_rate)"),
        ("synthetic@dve", "synthetic@dev", "line 11: 'dve' (nearest: dev)"),
    ],
)
def test_what_does_not_exist_stops_a_dry_run_with_its_line(
    wrong: str, right: str, found: str, tmp_path: Path, benchmark_root: Path
) -> None:
    text = (
        "model: m\nevaluate: synthetic@test\nrecipes: {sft: sft, grpo: {recipe: grpo, set: [beta=0]}}\nbaseline: sft\nseeds: 0\n"
        "train: synthetic@train\nmodes: [direct]\nprotocol: default\noptions: [--attn, eager]\n"
        "grid: {learning_rate: [1e-6]}\ndev: synthetic@dev\n"
    )
    assert right in text
    (tmp_path / "mine.yaml").write_text(text.replace(right, wrong), encoding="utf-8")
    typed = ["experiment", str(tmp_path / "mine.yaml"), "--dry-run", "--data-root", str(benchmark_root)]
    with pytest.raises(InputError, match=re.escape(f"mine.yaml {found}")):
        command.main(parser().parse_args(typed))


def test_every_command_names_the_files_that_were_named(
    tmp_path: Path, benchmark_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(outside.VARIABLE, "")
    text = "model: m\nevaluate: synthetic@test\nrecipes: {sft: sft}\ncontrasts: []\ntrain: synthetic@train\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "my reward.py").write_text("def parse(text, where): ...\n", encoding="utf-8")
    outside.include([str(tmp_path / "my reward.py")])
    typed = [
        "experiment",
        str(tmp_path / "mine.yaml"),
        "--dry-run",
        "--data-root",
        str(benchmark_root),
        "--annotations",
        "a b.json",
    ]
    assert command.main(parser().parse_args([*typed, "--annotations", "a b.json"])) == 0
    commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert len(commands) == 3
    for words in commands:
        named = [words[words.index(option) + 1] for option in ("--include", "--annotations")]
        assert named == [str(tmp_path / "my reward.py"), "a b.json"]


def _place(one: cells.Cell) -> tuple[str, str, int]:
    return one.row, one.label, one.seed


def test_users_without_a_task_leave_it_out() -> None:
    loaded = experiment.load("tempr1-tasks", ["didemo", "hacs-tal"])
    everything = loaded.mix("own", "all", 0)
    assert "didemo" not in everything and "hacs" not in everything and "charades@train,timerft@train" in everything
    assert loaded.without == ("didemo", "hacs-tal")


def test_the_study_says_how_much_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """8 recipes x 2 sizes x (4 rates x 3 seeds + 7 more seeds), from any folder."""
    (tmp_path / "synthetic").mkdir()
    annotate(tmp_path / "synthetic")
    monkeypatch.chdir(tmp_path)
    assert command.main(parser().parse_args(["experiment", "study", "--data-root", str(tmp_path), "--dry-run"])) == 0
    shown = capsys.readouterr()
    assert shown.err.startswith(
        "trainings: 192, 48 of them to choose in the grid; contrasts: 7, the first is the primary one: tempsamp - grpo\n"
    )
    lines = shown.out.splitlines()
    assert sum(line.startswith("harness train") for line in lines) == 192
    assert sum("fewshot-50-seed9-seen" in line for line in lines) == 8
    assert all("--model /" in line for line in lines)
    loaded = experiment.load("study")
    assert loaded.contrasts[:2] == (("tempsamp", "grpo"), ("tempsamp", "sft"))
    assert "anchor-2" not in loaded.recipes  # It needs two replies of the policy
