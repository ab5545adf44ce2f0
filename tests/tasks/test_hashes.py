"""Hashes that stand beside published numbers: from version 0.2 on none of them moves."""

import json
from pathlib import Path

import pytest

from tasks import protocol, task
from tasks.sample import split_sha256

PINNED = json.loads((Path(__file__).parent / "hashes.json").read_text())


def test_every_protocol_has_the_hash_of_version_0_2() -> None:
    """A protocol that is added is pinned by a line of its own; a rule that comes later stays out at its default."""
    assert {name: protocol.load(name).sha256 for name in protocol.names()} == PINNED["protocols"]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", PINNED["splits"])
def test_every_published_split_has_the_hash_of_version_0_2(shared_data: Path, name: str) -> None:
    benchmark, split = name.split("@")
    assert split_sha256(task.load(task.find(benchmark), split, shared_data)) == PINNED["splits"][name]
