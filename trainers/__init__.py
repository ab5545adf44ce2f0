"""Of vtg-harness: training recipes on identical splits, through the inputs and parsers of evaluation."""

from harness.models import torchvision_fix

torchvision_fix.install()  # before transformers is imported for the first time
