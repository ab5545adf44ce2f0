"""`python -m harness.lmms_tasks eval …`: the command line of lmms-eval, beside any build of torch, knowing our tasks.

The same as `python -m lmms_eval eval … --include_path "$(harness ls lmms-path)"` where torchvision's own library loads.
"""

import runpy
import sys
from pathlib import Path

import harness.models  # noqa: F401  (makes torchvision importable, see harness.models.stack)
from harness import extras
from tasks.errors import InputError

try:
    extras.package("lmms_eval", "lmms-eval")
except InputError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)
sys.argv += ["--include_path", str(Path(__file__).parent)] * (sys.argv[1:2] == ["eval"] and "--include_path" not in sys.argv)
runpy.run_module("lmms_eval", run_name="__main__", alter_sys=True)
