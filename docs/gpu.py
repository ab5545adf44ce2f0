"""Writes docs/gpu.md from what the scripts below measured on a GPU; their results lie in docs/gpu.

python tests/benchmarks/gpu_training.py docs/gpu/training.json --groups 8
python tests/benchmarks/gpu_shared_prefix.py docs/gpu/shared_prefix.json
python docs/gpu.py
"""

import json
import runpy
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from harness.models import tiny
from trainers.dry_run.memory import GIB, Load, memory, shape_of

ROOT = Path(__file__).resolve().parent.parent
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "tests" / "benchmarks" / "gpu_training.py"))
PHASES = ("generation", "reference", "forward", "backward", "optimizer")
HEADERS = ("model", "recipe", "prompt of a group", "step, s", *(f"{phase}, s" for phase in PHASES), "peak, GiB", "forecast, GiB")


def forecast(case: dict[str, Any]) -> float:
    """GiB that `harness train --dry-run` would say of a case."""
    config = SCRIPT["make_config"](case["shape"], tiny.make_tokenizer())
    with torch.device("meta"):
        model = tiny.make_model(config)
    load = Load(
        prompts=1,
        prompt_tokens=case["prompt_tokens"],
        visual_tokens=case["visual_tokens"],
        reply_tokens=case["new_tokens"],
        replies=case["group"],
        generated=case["generated_replies"],
        dtype_bytes=2,
        kept_bytes=2,
        checkpointing=True,
        reference=True,
    )
    return memory(shape_of(model), load, "plain", 1).peak / GIB


def row(case: dict[str, Any]) -> list[str]:
    """A case as a row of the table; the forecast counts a shared prompt."""
    seconds, shared = case["seconds"], case["shared_prompt"]
    times = [f"{seconds[name]:.2f}" for name in ("step", *PHASES)]
    expected = f"{forecast(case):.1f}" if shared else "-"
    return [
        case["shape"],
        case["recipe"],
        "shared" if shared else "repeated",
        *times,
        f"{case['peak_bytes'] / GIB:.1f}",
        expected,
    ]


def main() -> None:
    """Write the page."""
    found, prefix = (json.loads((ROOT / "docs" / "gpu" / name).read_text()) for name in ("training.json", "shared_prefix.json"))
    cases, versions = found["cases"], found["versions"]
    steps = {(case["shape"], case["recipe"], case["shared_prompt"]): case["seconds"]["step"] for case in cases}
    ratios = [
        f"{shape}: {slow / steps[shape, recipe, True]:.1f} times"
        for (shape, recipe, shared), slow in steps.items()
        if not shared and (shape, recipe, True) in steps
    ]
    unmeasured = sorted({case["shape"] for case in cases} - {ratio.partition(":")[0] for ratio in ratios})
    rest = "".join(f"\nThe {shape} model was not measured with a repeated prompt." for shape in unmeasured)
    table = tabulate([row(case) for case in cases], HEADERS, tablefmt="github", disable_numparse=True)
    first, group = cases[0], cases[0]["group"]
    text = f"""# On a GPU

Measured on one {found["hardware"]}, torch {versions["torch"]}, transformers {versions["transformers"]}, trl {versions["trl"]}.
The models have the shapes of Qwen2.5-VL-3B and 7B, random weights and random frames. The commands:

```
python tests/benchmarks/gpu_training.py docs/gpu/training.json --groups 8
python tests/benchmarks/gpu_shared_prefix.py docs/gpu/shared_prefix.json
python docs/gpu.py
```

## Training

A step has one prompt of {first["prompt_tokens"]:,} tokens ({first["visual_tokens"]:,} of them visual), G = {group} and
{first["new_tokens"]} tokens a reply. Weights are bfloat16, activations are computed again, attention is `sdpa`.
Seconds are means of two steps after one that warms up. Forecast is the peak that `harness train --dry-run` estimates.

{table}

The same step takes longer when the prompt is repeated for each reply ({"; ".join(ratios)}).{rest}

## Evaluation

Six questions were asked on one video of {prefix["visual_tokens"]:,} visual tokens, {prefix["new_tokens"]} tokens a reply,
7B, bfloat16. The replies took {prefix["shared_s"]:.2f} s with a shared prefix and
{prefix["independent_s"]:.2f} s with independent calls: {prefix["ratio"]:.2f} times as fast. With random weights in bfloat16
the replies differ ({prefix["first_tokens_equal"]} of {prefix["questions"]} first tokens are equal); in float32 on a CPU they are
equal.
"""
    (ROOT / "docs" / "gpu.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
