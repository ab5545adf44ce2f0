"""Ways of answering: trivial rows and replays (no torch), and checkpoints through transformers."""

from harness.models import stack

stack.install()
