"""Training recipes: SFT, GRPO and TempSamp-R1 on identical splits, through the input builder and parsers of evaluation."""

from harness.models import torchvision_fix

torchvision_fix.install()  # before transformers is imported for the first time
