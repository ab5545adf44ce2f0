"""`constraints.txt`, the ranges of `pyproject.toml` and the published table say the same."""

import re
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def test_every_dependency_has_a_tested_version_in_its_range(settings: dict[str, Any], pins: dict[str, str]) -> None:
    project = settings["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    asked = [requirement for requirement in map(Requirement, lines) if requirement.name != project["name"]]
    wrong = [f"{r} but {pins.get(canonicalize_name(r.name))}" for r in asked if not fits(r, pins)]
    assert wrong == []


def fits(requirement: Requirement, pins: dict[str, str]) -> bool:
    version = pins.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version)


def test_the_table_of_tested_versions_equals_the_constraints(project: Path, pins: dict[str, str]) -> None:
    table = (project / "docs" / "versions.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|$", table, re.MULTILINE)) == pins


def test_nothing_names_a_registry_or_a_build(project: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci/run", ".github/workflows/ci.yml"):
        text = (project / name).read_text(encoding="utf-8")
        assert not re.search(r"index-url|find-links|\+cpu|\+cu\d|://", text), name
