"""The libraries under a model: a torchvision that imports beside any torch, and a quiet standard output."""

import logging
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

TRANSFORMERS = "transformers>=5.18,<5.25"
"""As in pyproject.toml. Before 5.18 the video's features are swallowed; after 5.24 nothing has been tested."""


class TorchvisionHook(MetaPathFinder):
    """Define the two operators that torchvision registers unconditionally, where its compiled library did not load.

    torchvision's wheels are built for one CUDA version; beside another torch (a CPU build) its library cannot load and
    `import torchvision` fails, and with it every video processor of transformers. Resizing and normalizing need none of
    the compiled operators. The hook acts after torchvision has tried its own library, and does nothing if that loaded.
    """

    def __init__(self) -> None:
        self.library: Any = None

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Never finds a module itself: the ordinary finders do."""
        extension = sys.modules.get("torchvision.extension")
        if name == "torchvision._meta_registrations" and extension is not None and not extension._has_ops():
            import torch

            self.library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            for operator in ("nms", "qnms"):
                self.library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return None


def install() -> None:
    """Put the hook in place. Safe to repeat; imports neither torch nor torchvision."""
    if not any(isinstance(finder, TorchvisionHook) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchvisionHook())
        # DeepSpeed, which transformers imports wherever it is installed, logs to standard output: the place of results.
        logging.getLogger("DeepSpeed").addFilter(_to_standard_error)


def _to_standard_error(record: logging.LogRecord) -> bool:
    logging.StreamHandler().handle(record)
    return False
