"""A backend or an option that would change nothing is refused, with the option to leave out."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from harness import api
from harness.cli import main
from harness.models import fitting, trivial
from harness.models.options import Options
from tasks.errors import InputError

# Another value than the default for every option; the seed fits all.
VALUES: dict[str, Any] = {
    "device": "cpu",
    "dtype": "float32",
    "attn": "eager",
    "batch_size": 4,
    "share": False,
    "trust_remote_code": True,
    "base_url": "http://127.0.0.1:1/v1",
    "timeout_s": 5.0,
    "model_args": "fps=2",
    "reply_key": "answer",
    "device_map": "auto",
    "window": 2,
    "tensor_parallel": 2,
    "gpu_memory": 0.5,
    "max_model_len": 4096,
}
READ = {
    "hf": "device dtype attn batch_size share trust_remote_code device_map window",
    "vllm": "device dtype share trust_remote_code window tensor_parallel gpu_memory max_model_len",
    "openai": "batch_size base_url timeout_s window",
    "lmms:qwen2_5_vl": "device dtype attn model_args",
    "lmms-simple:qwen2_5_vl": "device dtype attn model_args",
}


def test_every_option_has_another_value() -> None:
    assert {field.name for field in fields(Options)} == {*VALUES, "seed"}


@pytest.mark.parametrize("option", VALUES)
def test_an_option_fits_what_reads_it_and_nothing_else(option: str) -> None:
    given = replace(Options(seed=3), **{option: VALUES[option]})
    ways = {(backend, "a/b"): names.split() for backend, names in READ.items()}
    place = ["device", "dtype", "batch_size"]
    ways |= {("hf", name): place for name in trivial.NAMES} | {("hf", "replay:x.jsonl"): ["reply_key", *place]}
    ways["hf", "mine.py:Mine"] = []
    for (backend, name), read in ways.items():
        if option in read:
            fitting.check(name, backend, given)
            continue
        with pytest.raises(InputError) as caught:
            fitting.check(name, backend, given)
        assert caught.value.next_command == f"leave --{option.replace('_', '-')} out"
        assert caught.value.found in (f"--backend {backend}", f"--model {name}")


@pytest.mark.parametrize("model", ["whole-video", "oracle", "replay:x.jsonl", "mine.py:Mine"])
@pytest.mark.parametrize("backend", ["vllm", "openai", "lmms:qwen2_5_vl", "vlm"])
def test_a_model_that_answers_by_itself_has_no_backend(
    model: str, backend: str, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["run", "--model", model, "--tasks", "synthetic", "--data-root", str(benchmark_root)]
    assert main([*typed, "--output", str(tmp_path / "run"), "--backend", backend]) == 2
    said = capsys.readouterr().err
    assert f"{model} without --backend" in said and "next:     leave --backend out" in said
    assert not (tmp_path / "run").exists()


def test_a_function_has_neither(benchmark_root: Path, tmp_path: Path) -> None:
    for given, words in (({"backend": "vllm"}, "without --backend"), ({"device": "cpu"}, "leave --device out")):
        with pytest.raises(InputError, match=words):
            api.run(lambda frames, question: "", "synthetic", data_root=benchmark_root, output=tmp_path / "run", **given)
