"""Ways of answering: trivial rows and replays (no torch), and checkpoints through transformers."""

from harness.models import torchvision_fix as stack

stack.install()
