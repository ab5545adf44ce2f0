"""A package that is really installed brings each thing through its entry points; without the package they are gone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main as harness
from harness.synthetic.make import make
from tasks import outside

WHATS = ("task", "protocol", "kind", "model", "reward", "recipe")
KNOWN = """
import json
from harness.models import own
from tasks import kinds, outside, protocol, task
from trainers import recipe, rewards
named = {
    "tasks": task.all_tasks(), "protocols": protocol.names(), "parsers": outside.added("parsers", ()), "kinds": kinds.names(),
    "models": own.added(), "rewards": rewards.names(), "recipes": recipe.names(),
}
print(json.dumps({group: [name for name in names if name.startswith("our_")] for group, names in named.items()}))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages: one of them, with what `harness new` writes and the metadata that pip would write."""
    site, entries = tmp_path / "site-packages", []
    for what in WHATS:
        assert harness(["new", what, f"our_{what}", "--to", str(site / "our_package" / what)]) == 0
        (site / "our_package" / what / "__init__.py").touch()
        entries.append(f"[vtg_harness.{what}s]\nours = our_package.{what}\n")
    (site / "our_package" / "__init__.py").touch()
    info = site / "our_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-package\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("".join([*entries, "[vtg_harness.parsers]\nours = our_package.protocol\n"]))
    return site


def told(site: Path, *command: str, code: int = 0) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path]), outside.VARIABLE: ""}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_an_installed_package_brings_what_its_entry_points_name(site: Path, tmp_path: Path) -> None:
    assert json.loads(told(site, "-c", KNOWN)) == {
        **{f"{what}s": [f"our_{what}"] for what in WHATS},
        "parsers": ["our_protocol_parser"],
    }
    make(tmp_path / "data", 0, {"train": 1, "test": 1})
    typed = ["-m", "harness", "run", "--model", "our_model", "--tasks", "synthetic", "--protocol", "our_protocol", "--limit", "1"]
    typed += ["--data-root", str(tmp_path / "data"), "--output", str(tmp_path / "run")]
    told(site, *typed)
    spec = json.loads((tmp_path / "run" / "run.json").read_text())["spec"]
    assert (spec["model"]["class"], spec["outside"].keys()) == ("Model", {"parsers/our_protocol_parser"})
    assert "our_model, from our-package" in told(site, "-m", "harness", "ls", "models")
    shutil.rmtree(site)
    assert not any(json.loads(told(site, "-c", KNOWN)).values())
    assert "'our_protocol'" in told(site, *typed, code=2)
