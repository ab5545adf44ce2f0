"""A training that is continued from a checkpoint with a damaged file stops and names it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from harness.cli import main
from harness.synthetic.make import make
from tasks.errors import InputError
from trainers import train as training_module
from trainers.methods.safe_checkpoints import WHOLE, check_whole


class Interrupt(TrainerCallback):  # type: ignore[misc]
    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory, checkpoints: dict[str, Path]) -> Callable[[Path], list[str]]:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 2, "dev": 1, "test": 1})
    common = ["train", "--recipe", "sft", "--model", str(checkpoints["qwen3_vl"]), "--task", "synthetic@train"]
    common += ["--data-root", str(root), "--set", "max_steps=4", "--set", "prompts_per_step=2", "--set", "save_steps=2"]
    return lambda folder: [*common, "--output", str(folder)]


@pytest.fixture(scope="module")
def interrupted(typed: Callable[[Path], list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was stopped behind its first checkpoint."""
    folder, made = tmp_path_factory.mktemp("trained"), training_module.callbacks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "callbacks", lambda folder: [*made(folder), Interrupt()])
        assert main(typed(folder)) == 130
    return folder


@pytest.fixture
def folder(interrupted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(interrupted, tmp_path / "copy"))


def altered(path: Path) -> None:
    """One bit of the last tensor."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"\xa5" * path.stat().st_size),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", WHOLE])
def test_a_damaged_file_is_named(name: str, damage: str, folder: Path) -> None:
    checkpoint = folder / "checkpoints" / "checkpoint-2"
    assert check_whole(checkpoint)["step"] == 2
    DAMAGES[damage](checkpoint / name)
    with pytest.raises(InputError, match=name) as error:
        check_whole(checkpoint)
    assert f"rm -r {checkpoint}" in error.value.next_command


def test_one_bit_of_the_optimizer(folder: Path) -> None:
    altered(folder / "checkpoints" / "checkpoint-2" / "optimizer.pt")
    with pytest.raises(InputError, match=r"optimizer\.pt: .*(checksum|CRC|header)"):
        check_whole(folder / "checkpoints" / "checkpoint-2")


class Bomb:
    """Runs code where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def of_another_model(checkpoint: Path, _: Path) -> None:
    torch.save({"state": {}, "param_groups": []}, checkpoint / "optimizer.pt")


def with_a_bomb(checkpoint: Path, mark: Path) -> None:
    torch.save(Bomb(mark), checkpoint / "optimizer.pt")


def without_a_state(checkpoint: Path, _: Path) -> None:
    torch.save({}, checkpoint / "rng_state.pth")


def weights_garbage(checkpoint: Path, _: Path) -> None:
    path = checkpoint / "model.safetensors"
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("exchange", [of_another_model, with_a_bomb, without_a_state, weights_garbage])
def test_an_exchanged_file_stops_the_training(
    exchange: Callable[[Path, Path], None],
    folder: Path,
    typed: Callable[[Path], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Files that are whole in themselves, of which `whole.json` knows nothing else."""
    checkpoint, mark = folder / "checkpoints" / "checkpoint-2", tmp_path / "mark"
    exchange(checkpoint, mark)
    record = json.loads((checkpoint / WHOLE).read_text())
    del record["bytes"]
    (checkpoint / WHOLE).write_text(json.dumps(record))
    assert main(typed(folder)) == 2
    error = capsys.readouterr().err
    assert f"expected: the checkpoint {checkpoint} as it was saved" in error and "Traceback" not in error
    assert not mark.exists()
    shutil.rmtree(checkpoint)
    assert main(typed(folder)) == 0  # what the message says
