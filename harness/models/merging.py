"""An adapter into the weights of its base model: the model then is an ordinary one, as fast and on every path."""

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from harness import extras
from harness.models.checkpoint import ADAPTER, Checkpoint
from tasks.errors import InputError

NAME = "default"


def merged(model: Any, found: Checkpoint) -> Any:
    """The base model with the adapter of a checkpoint in its weights; a checkpoint without adapter leaves it as it is.

    Weights are added in float32, layer by layer, and rounded once to the dtype of the model. Raises InputError where the adapter
    does not fit the model, or its kind cannot be merged.
    """
    if found.base is None:
        return model
    by_name = {name: weight.dtype for name, weight in model.named_parameters()}
    by_module = {id(module): weight.dtype for module in model.modules() for weight in module.parameters(recurse=False)}
    wrapped = fitted(model, found)
    for layer in [module for module in wrapped.modules() if hasattr(module, "get_base_layer") and hasattr(module, "merge")]:
        inner = layer.get_base_layer()
        layer.float()
        layer.merge(safe_merge=True)
        inner.to(by_module[id(inner)])
    with warnings.catch_warnings():
        # It warns of every layer that is merged already.
        warnings.simplefilter("ignore", UserWarning)
        whole = wrapped.merge_and_unload().requires_grad_(False)
    # Matrices that the adapter brings whole come as they were saved.
    for name, weight in whole.named_parameters():
        weight.data = weight.data.to(by_name[name])
    return whole


def fitted(model: Any, found: Checkpoint) -> Any:
    """The model with the adapter beside its weights, also on the meta device. Raises InputError as `merged`."""
    with extras.needed("train"):
        import peft
    folder, base = found.folder, found.base
    assert base is not None
    try:
        with warnings.catch_warnings():
            # PEFT passes over settings that it does not know, with a warning.
            warnings.simplefilter("error", UserWarning)
            settings = peft.PeftConfig.from_pretrained(str(folder))
        settings.inference_mode = True
        _check_kind(settings, folder)
        wrapped = peft.PeftModel(model, settings, NAME, low_cpu_mem_usage=True)
        report = wrapped.load_adapter(str(folder), NAME, torch_device="cpu", low_cpu_mem_usage=True)
    except InputError:
        raise
    except Exception as error:  # PEFT and its kinds of adapters raise whatever Python can
        found_text = f"{type(error).__name__}: {error}"[:500]
        raise InputError(f"a base model that the adapter fits: {base.name}", found_text, _step(folder)) from error
    for what, names in (("no place for", report.unexpected_keys), ("nothing for", report.missing_keys)):
        if names:
            counted = f"{what} {len(names)} weights, the first is {sorted(names)[0]}"
            raise InputError(f"an adapter that fits its base model {base.name}", counted, _step(folder))
    _check_ties(wrapped, folder)
    return wrapped


def _step(folder: Path) -> str:
    return f"look at base_model_name_or_path in {folder / ADAPTER}, or: pip install --upgrade peft"


def _check_kind(settings: Any, folder: Path) -> None:
    """Refuse adapters that are no change of weights: learned prompts, and those that act from a token on."""
    kind = str(settings.peft_type).rpartition(".")[2]
    if settings.is_prompt_learning or settings.is_adaption_prompt or getattr(settings, "alora_invocation_tokens", None):
        step = "write a model in a file: --model FILE.py:CLASS (docs/own-model.md)"
        raise InputError("an adapter that can be merged into weights (LoRA, DoRA, IA3 …)", f"{folder}: {kind}", step)


def _check_ties(wrapped: Any, folder: Path) -> None:
    """Refuse a change of a matrix that the model uses twice: merged, it would change in both places."""
    shared = Counter(id(weight) for _, weight in wrapped.named_parameters(remove_duplicate=False))
    names = [name for name, weight in wrapped.named_parameters(remove_duplicate=False) if shared[id(weight)] > 1]
    if changed := [name for name in names if ".base_layer." in name]:
        step = "untie the embeddings, merge, and save_pretrained() with the code that trained it"
        raise InputError("an adapter of matrices that the model uses once", f"{folder} changes {changed[0]}", step)
