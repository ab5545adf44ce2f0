"""A tiny Qwen-VL checkpoint that grounds, trained here from nothing on videos that are drawn as it learns.

The strong one is trained by `python -m trainers.base FOLDER` in minutes; a weak one, which knows something and has much left to
learn, is shipped in `WEAK`.
"""

from pathlib import Path

WEAK = Path(__file__).parent / "weak"  # A checkpoint folder: `--weak` of the same command, and the record of that training
