"""Adapters on a text tower whose matrices are kept in four bits (QLoRA, arXiv 2305.14314), by bitsandbytes."""

import tempfile
from pathlib import Path
from typing import Any

from harness.models import merging
from harness.models.checkpoint import Checkpoint
from harness.models.loading import DTYPES, place
from harness.models.options import Options
from trainers.training import Training, precision

KEPT = ["model.visual", "lm_head"]
"""Modules whose matrices keep the dtype of the training: what the model sees is not rounded."""


def arguments(training: Training) -> dict[str, Any]:
    """What `from_pretrained` is told besides: NF4 with quantized constants, products in the dtype of the training."""
    from transformers import BitsAndBytesConfig

    kind = DTYPES["bfloat16" if precision(training).bf16 else precision(training).weights]
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=kind,
        llm_int8_skip_modules=KEPT,
    )
    return {"quantization_config": config, "device_map": {"": place(Options())[0]}}


def keep_exact(model: Any) -> None:
    """Adapters in float32, as on other weights, and gradients through the weights below them on every processor."""
    for weight in model.parameters():
        # TRL makes adapters bfloat16, where small steps round away.
        if weight.requires_grad:
            weight.data = weight.data.float()
    for module in model.modules():
        # Set, it packs weights anew in evaluation mode, and products with those have no gradient.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def merged(model: Any, base: Checkpoint, training: Training) -> Any:
    """The model that was trained in full weights: those that four bits stand for, to which the adapters are added."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        # Where merging adds: the saved adapters are read there.
        whole = model.unload().dequantize(DTYPES[precision(training).weights]).to("cpu")
        return merging.merged(whole, Checkpoint(base.name, Path(folder), base.family, None, base))
