"""Rollouts by vLLM against the model they train. Those that run it skip where it is not installed: docs/scale.md says how."""

import functools
import importlib.util
import itertools
import json
import os
import runpy
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from harness.cli import main
from harness.models import generate, loading, tiny, vllm_inputs
from harness.models.checkpoint import find
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from harness.synthetic.make import make
from trainers import rollout
from trainers.examples import Examples, Prompt
from trainers.methods import packed

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
PORT = 8765
LAUNCHED = Path(__file__).with_name("launched.py")
SHARED = Path(__file__).parents[2] / "trainers" / "launch" / "fsdp2.yaml"
needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vllm is not installed: it brings a torch of its own"
)


@given(st.lists(st.integers(0, 2), max_size=20))
def test_runs_are_those_of_a_plain_search(ids: list[int]) -> None:
    found = vllm_inputs.runs(ids, 1)
    covered = [index for start, length in found for index in range(start, start + length)]
    assert covered == [index for index, value in enumerate(ids) if value == 1]
    assert all(start + length < following for (start, length), (following, _) in itertools.pairwise(found))


@pytest.mark.parametrize("family", FAMILIES)
def test_bytes_come_back_from_normalized_pixels(family: str, load: Any) -> None:
    _, processor, _ = load(family)
    side = 28 if family.startswith("qwen2") else 32
    frames = np.random.default_rng(0).integers(0, 256, (4, side, 2 * side, 3), dtype=np.uint8)

    def patches(**rules: bool) -> torch.Tensor:
        given = processor.video_processor(
            videos=[frames],
            do_sample_frames=False,
            do_resize=False,
            input_data_format="channels_last",
            return_tensors="pt",
            **rules,
        )
        return torch.as_tensor(given["pixel_values_videos"])

    raw = patches(do_rescale=False, do_normalize=False)
    assert torch.equal(vllm_inputs.raw(patches(), processor).float(), raw.float())


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_without_vllm_it_says_so(checkpoint: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["train", "--recipe", "grpo", "--model", str(checkpoint("qwen3_vl")), "--task", "synthetic@train"]
    assert main([*typed, "--data-root", str(data), "--output", str(tmp_path / "out"), "--set", "use_vllm=true"]) == 2
    assert "constraints-vllm.txt" in capsys.readouterr().err


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Tiny models with heads of 32 values, the smallest that vLLM computes on a CPU."""
    size = tiny.Size(hidden=128, layers=2, heads=4, kv_heads=2, inner=128, vision_hidden=64, vision_layers=2, std=0.08)
    folder = tmp_path_factory.mktemp("wide")
    return functools.cache(lambda family: tiny.build(folder / family, family, size=size))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(root := tmp_path_factory.mktemp("data"), 0, {"train": 6, "test": 2})
    return root


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines in this process, in float32, that other weights can be loaded into."""
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    runpy.run_path(str(LAUNCHED))["exact_engines"](monkeypatch.setattr)


@pytest.mark.vllm
@needs_vllm
@pytest.mark.parametrize("family", FAMILIES)
def test_an_engine_in_the_process_draws_from_the_policy(family: str, checkpoint: Any, load: Any, exact: None) -> None:
    from trl.generation.vllm_generation import VLLMGeneration

    model, processor, prompts = loaded(checkpoint(family), family, load)
    generation = VLLMGeneration(
        model, Accelerator(cpu=True), processor, mode="colocate", max_model_length=1024, max_num_seqs=8, temperature=1.0
    )
    before = [output.logprobs for output in agree(generation, model, processor, prompts, 0)]
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1 + 0.2 * torch.rand(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    generation.sync_weights()
    after = [output.logprobs for output in agree(generation, model, processor, prompts, 1)]
    assert np.abs(np.concatenate(before)[:4] - np.concatenate(after)[:4]).min() > 1e-3


@pytest.mark.vllm
@needs_vllm
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("recipe", ["grpo", "tempsamp"])
def test_a_training_draws_by_vllm(
    recipe: str,
    family: str,
    checkpoint: Any,
    data: Path,
    tmp_path: Path,
    exact: None,
) -> None:
    sets = {"max_steps": 4, "learning_rate": 1e-3, "warmup_steps": 0, "max_completion_length": 6}
    sets |= {"use_vllm": "true", "vllm_max_model_length": 1024}
    typed = ["train", "--recipe", recipe, "--model", str(checkpoint(family)), "--task", "synthetic@train"]
    typed += ["--data-root", str(data), "--output", str(tmp_path / "out")]
    assert main([*typed, *(part for key, value in sets.items() for part in ("--set", f"{key}={value}"))]) == 0
    log = [entry for line in (tmp_path / "out" / "log.jsonl").open() if "loss" in (entry := json.loads(line))]
    # What is never drawn is left out of vLLM's log-probabilities, and of a random model it is one token in a hundred.
    assert [entry["rollout_logprob_gap"] for entry in log] == pytest.approx([0, 0, 0, 0], abs=0.02)
    for entry in log:
        ratios = [entry[f"sampling/importance_sampling_ratio/{name}"] for name in ("min", "mean", "max")]
        assert ratios == pytest.approx([1, 1, 1], abs=0.1) and entry["grad_norm"] > 0


@pytest.mark.vllm
@needs_vllm
def test_two_processes_that_share_the_weights_draw_as_one(checkpoint: Any, data: Path, tmp_path: Path, exact: None) -> None:
    """FSDP2 with an engine beside each process: what the engines draw from is gathered for every step."""
    model, one, two = checkpoint("qwen3_vl"), tmp_path / "one", tmp_path / "two"

    def typed(output: Path, accumulation: int) -> list[str]:
        sets = {"max_steps": 2, "learning_rate": 1e-3, "warmup_steps": 0, "max_completion_length": 6, "use_vllm": "true"}
        sets |= {"gradient_accumulation_steps": accumulation, "vllm_max_model_length": 1024, "rewards": f"['{LAUNCHED}:vowels']"}
        arguments = ["train", "--recipe", "grpo", "--model", str(model), "--task", "synthetic@train"]
        arguments += ["--data-root", str(data), "--output", str(output)]
        return arguments + [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]

    assert main(typed(one, 2)) == 0
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(SHARED), "--num_processes", "2"]
    jobs = json.dumps([{"arguments": typed(two, 1), "interrupt": None, "expect": 0}])
    command += ["--main_process_port", "0", str(LAUNCHED), jobs]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-9000:]
    first, second, start = (load_file(folder / "model.safetensors") for folder in (one, two, model))
    assert first.keys() == second.keys()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=2e-4, rtol=0)
    assert max((first[name] - start[name]).abs().max() for name in first) > 1e-3


@pytest.fixture(params=FAMILIES)
def server(checkpoint: Any, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A family, and an address that answers for its checkpoint."""
    options = ["--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--logprobs-mode", "processed_logprobs"]
    options += ["--port", str(PORT), "--served-model-name", "policy", "--enable-scale-out"]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_SERVER_DEV_MODE": "1", "HF_HUB_OFFLINE": "1"}
    # The command `vllm` asks for the version of a package of that name, which vllm-cpu is not.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint(request.param)), *options]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 400
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(1)
        yield request.param, f"http://127.0.0.1:{PORT}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.vllm
@needs_vllm
def test_a_server_draws_from_the_policy(server: tuple[str, str], checkpoint: Any, load: Any) -> None:
    from trl.generation.vllm_client import VLLMClient

    family, address = server
    model, processor, prompts = loaded(checkpoint(family), family, load)
    generation = SimpleNamespace(mode="server", vllm_client=VLLMClient(base_url=address), accelerator=Accelerator(cpu=True))
    agree(generation, model, processor, prompts, 0)


def loaded(folder: Path, family: str, load: Any) -> tuple[Any, Any, list[Prompt]]:
    """A checkpoint and prompts for it."""
    _, _, small = load(family)
    found = find(str(folder))
    model, processor, _ = loading.read(found, Options(device="cpu", dtype="float32", attn="sdpa"))
    check_positions(model)
    examples = Examples(list(small.questions.values()), Inputs(model, processor, found.family), small._read)
    names = ("t/a/red circle", "t/b/red circle", "t/b/blue cross")
    rows = [{"id": name, "mode": "direct", "protocol_name": "synthetic"} for name in names]
    return model, processor, [examples.take(row)[1] for row in rows]


def agree(generation: Any, model: Any, processor: Any, prompts: list[Prompt], step: int) -> list[generate.Output]:
    """Replies by vLLM, each of whose log-probabilities is that of the model; the same seeds give the same replies."""
    stop = model.generation_config.eos_token_id
    rules = generate.Rules(8, frozenset([stop] if isinstance(stop, int) else stop), temperature=1.0)

    def draw(seeds: list[int]) -> list[list[generate.Output]]:
        return rollout.draw_by_vllm(generation, processor, model.config, prompts, [3, 0, 2], rules, seeds, step)

    drawn = draw([1, 2, 3, 9, 10])
    assert [len(group) for group in drawn] == [3, 0, 2]
    ids = [[output.ids for output in group] for group in drawn]
    assert (
        ids == [[o.ids for o in group] for group in draw([1, 2, 3, 9, 10])] != [[o.ids for o in g] for g in draw([4, 5, 6, 7, 8])]
    )
    for prompt, outputs in zip(prompts, drawn, strict=True):
        for output in outputs:
            assert output.logprobs == pytest.approx(under(model, prompt, output.ids), abs=1e-4)
    half = tuple(range(0, model.config.get_text_config().vocab_size, 2))
    odd = rollout.draw_by_vllm(
        generation, processor, model.config, prompts, [3, 0, 2], replace(rules, suppress=half), [1, 2, 3, 9, 10], step
    )
    assert all(identifier % 2 for group in odd for output in group for identifier in output.ids)
    return [output for group in drawn for output in group]


def under(model: Any, prompt: Prompt, reply: list[int]) -> list[float]:
    """Log-probabilities of a reply under a model, from one plain row."""
    group = [packed.completions(prompt.row, prompt.video, [reply])]
    inputs = packed.pack(group, torch.float32, torch.device("cpu"))
    labels = inputs.pop("labels")[:, 1:]
    with torch.no_grad():
        scores = model(**inputs).logits[:, :-1].log_softmax(-1)
    taken: list[float] = scores.gather(-1, labels.clamp(min=0)[..., None])[..., 0][labels != packed.IGNORED].tolist()
    return taken
