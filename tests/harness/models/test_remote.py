"""Checkpoints with a processor of their own: refused unasked, and run only where the prompt is the one that it writes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from jsonschema import Draft202012Validator

import harness
from harness.cli import main
from harness.frames import Frames
from harness.models import checkpoint, hf
from harness.models.options import Options
from harness.synthetic.make import make
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.question import Question

Make = Callable[..., Protocol]
HEAD = "from transformers import {kind}\n\n\nclass Mine({kind}):\n"
SAME = "    pass\n"
# As in TimeLens-7B: times as text before each pair of frames, which the family's own class does not write.
TIMED = """    def __call__(self, text=None, videos=None, video_metadata=None, **more):
        times = [index / video_metadata[0]["fps"] for index in video_metadata[0]["frames_indices"]][::2]
        slot = "<|vision_start|><|video_pad|><|vision_end|>"
        given = super().__call__(text=text, videos=videos, video_metadata=video_metadata, **more)
        pads = int(given["video_grid_thw"][0].prod()) // 4 // len(times)
        block = "<|vision_start|>" + "<|video_pad|>" * pads + "<|vision_end|>"
        said = text[0].replace(slot, "".join(f"{time:.1f}" + block for time in times))
        return {**given, **self.tokenizer([said], return_tensors="pt")}
"""
BEFORE = """    def __call__(self, text=None, **more):
        return super().__call__(text=["Frames at 2 a second: " + text[0]], **more)
"""
STALE = """    def __call__(self, text=None, video_metadata=None, **more):
        return super().__call__(text=text, video_metadata=None, **more)
"""
RAISES = """    def __call__(self, text=None, timestamps=None, **more):
        return [f"{time:.1f}" for time in timestamps]
"""


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))

    def folder(body: str = SAME, family: str = "qwen2_5_vl") -> Path:
        made = Path(shutil.copytree(checkpoints[family], tmp_path / f"with_code_{family}"))
        kind = {"qwen2_5_vl": "Qwen2_5_VLProcessor", "qwen3_vl": "Qwen3VLProcessor"}[family]
        (made / "processing_mine.py").write_text(HEAD.format(kind=kind) + body, encoding="utf-8")
        name(made, {"AutoProcessor": "processing_mine.Mine"})
        return made

    return folder


def name(folder: Path, auto_map: Any, file: str = "processor_config.json", *place: str) -> None:
    values = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
    inner = values
    for key in place:
        inner = inner[key]
    inner["auto_map"] = auto_map
    (folder / file).write_text(json.dumps(values))


def refusal(folder: Path, rules: Protocol, trusted: bool) -> InputError:
    with pytest.raises(InputError) as caught:
        hf.load(str(folder), rules, Options(device="cpu", trust_remote_code=trusted))
    return caught.value


@pytest.mark.parametrize(
    ("file", "place", "auto_map"),
    [
        ("processor_config.json", (), {"AutoProcessor": "processing_mine.Mine"}),
        ("preprocessor_config.json", (), {"AutoImageProcessor": "image_mine.Mine"}),
        ("video_preprocessor_config.json", (), {"AutoVideoProcessor": "video_mine.Mine"}),
        ("tokenizer_config.json", (), {"AutoTokenizer": ["tokenization_mine.Mine", None]}),
        ("config.json", (), {"AutoConfig": "configuration_mine.Mine", "AutoModel": "modeling_mine.Mine"}),
        ("processor_config.json", ("video_processor",), {"AutoVideoProcessor": "video_mine.Mine"}),
        ("config.json", ("text_config",), "modeling_mine.Mine"),
    ],
)
def test_code_of_the_checkpoint_is_refused_before_anything_loads(
    file: str, place: tuple[str, ...], auto_map: Any, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoints["qwen2_5_vl"], tmp_path / "copy"))
    name(folder, {}, file, *place)
    assert checkpoint.find(str(folder)).family == "qwen2_5_vl"
    name(folder, auto_map, file, *place)
    with pytest.raises(InputError, match=r"told something else") as caught:
        checkpoint.find(str(folder))
    assert file in caught.value.found and "mine.Mine" in caught.value.found
    assert "--trust-remote-code" in caught.value.next_command
    assert checkpoint.find(str(folder), trust_remote_code=True).family == "qwen2_5_vl"


def test_code_of_another_repository_is_refused_also_where_code_is_trusted(folder: Callable[..., Path]) -> None:
    made = folder()
    name(made, {"AutoProcessor": "owner/name--processing_mine.Mine"})
    with pytest.raises(InputError, match="can change any day"):
        checkpoint.find(str(made), trust_remote_code=True)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_a_processor_that_writes_the_familys_prompt_runs(
    family: str, folder: Callable[..., Path], make_protocol: Make, make_frames: Callable[..., Frames], questions: list[Question]
) -> None:
    made = folder(family=family)
    model = hf.load(str(made), make_protocol(), Options(device="cpu", trust_remote_code=True))
    assert type(model.processor).__name__ == "Mine"
    told = model.describe()["remote_code"]
    assert told["classes"] == ["processing_mine.Mine"]
    schema = json.loads((Path(harness.__file__).parent / "schemas" / "run.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator({**schema["$defs"]["model"], "$defs": schema["$defs"]}).validate(model.describe())
    assert all(reply.text is not None for reply in model.answer(make_frames(family), questions[:2]))
    (made / "processing_mine.py").write_text((made / "processing_mine.py").read_text() + "# changed\n")
    other = hf.load(str(made), make_protocol(), Options(device="cpu", trust_remote_code=True))
    assert other.describe()["remote_code"]["sha256"] != told["sha256"]


@pytest.mark.parametrize(
    ("body", "family", "words"),
    [
        (TIMED, "qwen2_5_vl", "'2.0', '4.0', '6.0' … between 4 visual blocks"),
        (BEFORE, "qwen2_5_vl", "Frames at 2 a second"),
        (STALE, "qwen2_5_vl", "second_per_grid_ts"),
        (STALE, "qwen3_vl", "text timestamps"),
        (RAISES, "qwen2_5_vl", "TypeError"),
    ],
    ids=["times between frames", "text before", "no metadata, positions", "no metadata, stamps", "other arguments"],
)
def test_a_processor_that_writes_another_prompt_is_refused(
    body: str, family: str, words: str, folder: Callable[..., Path], make_protocol: Make
) -> None:
    error = refusal(folder(body, family), make_protocol(), trusted=True)
    assert words in error.found, error.found
    assert "--model FILE.py:CLASS" in error.next_command


def test_without_the_flag_nothing_is_loaded(
    folder: Callable[..., Path], make_protocol: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: Any = transformers.AutoModelForImageTextToText
    monkeypatch.setattr(models, "from_pretrained", None)
    assert "auto_map" in refusal(folder(TIMED), make_protocol(), trusted=False).found


def test_the_prompt_is_shown_where_the_code_is_trusted(
    folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "data", 0, {"train": 1, "test": 1})
    command = ["show", "synthetic", "--model", str(folder()), "--data-root", str(tmp_path / "data")]
    assert main(command) == 2
    assert "--trust-remote-code runs it" in capsys.readouterr().err
    assert main([*command, "--trust-remote-code"]) == 0
    assert "<|video_pad|> x " in capsys.readouterr().out
