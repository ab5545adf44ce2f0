"""`harness push`."""

import sys
from argparse import Namespace

from harness import api, extras
from harness.arguments import given
from tasks.errors import InputError, quoted


def main(options: Namespace) -> int:
    """Add the metrics of a run to the model card of a repository on the Hugging Face Hub; only with `--yes`."""
    metadata = api.load_run(**given(api.load_run, options)).model_card()
    if not options.yes:
        sys.stdout.write(f"{metadata}\n")
        step = f"harness push {quoted(options.path)} {quoted(options.repo)} --yes"
        raise InputError(f"--yes: the lines above become public in the model card of {options.repo}", "no --yes", step)
    hub, http = extras.package("huggingface_hub", "hf"), extras.package("httpx", "hf")
    try:
        address = hub.metadata_update(options.repo, metadata.to_dict(), commit_message="Add evaluation results")
    except (http.HTTPError, OSError, ValueError) as error:
        step = "hf auth login; a number that stands there already is not replaced"
        raise InputError(f"a model card of {options.repo} that can be written", str(error), step) from error
    sys.stdout.write(f"{address}\n")
    return 0
