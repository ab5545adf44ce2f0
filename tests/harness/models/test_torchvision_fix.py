import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.models import torchvision_fix


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_the_hook_is_there_once_and_needs_no_torch() -> None:
    code = (
        "import sys, harness.models; from harness.models import torchvision_fix; torchvision_fix.install();"
        "print(sum(isinstance(f, torchvision_fix.TorchvisionHook) for f in sys.meta_path), 'torch' in sys.modules)"
    )
    assert run(code) == "1 False"


def test_video_processors_import_whatever_torchvision_is_installed() -> None:
    code = (
        "import harness.models; from torchvision.transforms.v2 import functional; import torchvision.extension as e;"
        "from transformers import Qwen2VLVideoProcessor, Qwen3VLVideoProcessor;"
        "from harness.models import torchvision_fix; import sys;"
        "hook = next(f for f in sys.meta_path if isinstance(f, torchvision_fix.TorchvisionHook));"
        "print((hook.library is None) == e._has_ops())"
    )
    assert run(code) == "True"


@pytest.mark.parametrize(("loads", "defined"), [(True, []), (False, ["nms", "qnms"])])
def test_operators_are_defined_only_where_the_library_did_not_load(
    loads: bool, defined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Library:
        def __init__(self, *_: Any) -> None: ...

        def define(self, schema: str) -> None:
            made.append(schema.split("(")[0])

    monkeypatch.setattr(torch.library, "Library", Library)
    monkeypatch.setitem(sys.modules, "torchvision.extension", SimpleNamespace(_has_ops=lambda: loads))
    hook = torchvision_fix.TorchvisionHook()
    assert hook.find_spec("torchvision._meta_registrations", None) is None
    assert hook.find_spec("torchvision.transforms", None) is None
    assert made == defined
