"""What the tests of this folder share."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from harness.synthetic.clock import draw_clock
from tasks.rules import VideoRules

Encode = Callable[..., Path]

# Worker processes import `pool_reads` by name; they inherit this path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def rules() -> VideoRules:
    """The rules of the default protocol."""
    return VideoRules("pyav", 2.0, 4, 768, 16 * 28**2, 768 * 28**2, 3584 * 28**2)


@pytest.fixture(params=["pyav", "decord", "torchcodec"])
def each_decoder(request: pytest.FixtureRequest) -> str:
    """Every decoder in turn; one whose package or libraries are missing is skipped by name."""
    decoder = str(request.param)
    try:
        importlib.import_module({"pyav": "av", "torchcodec": "torchcodec.decoders"}.get(decoder, decoder))
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"{decoder} cannot be imported here: {str(error).splitlines()[0]}")
    return decoder


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Function that writes a clock video of `count` frames at 10 per second; `options` go to the container."""

    def write(path: Path, count: int, **options: str) -> Path:
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream("libx264", rate=10, options={"preset": "veryfast"})
            stream.height, stream.width, stream.pix_fmt, stream.thread_count = 128, 192, "yuv420p", 1
            for number in range(count):
                picture = np.ascontiguousarray(draw_clock(number / 10))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
