"""Run by a test: waits for frames that never come, until Ctrl-C."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]

from pool_reads import read  # noqa: E402

from harness.frames import Job  # noqa: E402
from harness.video.pool import FramePool  # noqa: E402
from tasks.protocol import VideoRules  # noqa: E402

if __name__ == "__main__":
    try:
        with FramePool(VideoRules("pyav", 2.0, 4, 768, 784, 784, 784), 28, workers=1, read=read) as pool:
            list(pool.frames([Job("0", Path(sys.argv[1]))]))
    except KeyboardInterrupt:
        sys.exit(130)
