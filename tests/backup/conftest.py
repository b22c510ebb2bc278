"""One installation with one good backup for the whole folder, and empty ones to restore into."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.backup.installation import FILES, Installation

from info_assistant.stores.backup.manifest import Manifest


@dataclass(frozen=True)
class BackedUp:
    """What was backed up, and the backup."""

    installation: Installation
    manifest: Manifest
    objects: dict[str, bytes]


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackedUp]:
    """An installation with a backup; tests only read it."""
    folder = tmp_path_factory.mktemp("backed-up")
    made = Installation(folder / "data", folder / "backups")
    made.qdrant.start()
    try:
        made.take_in(FILES)
        objects = made.objects()
        yield BackedUp(made, made.back_up(), objects)
    finally:
        made.qdrant.stop()


@pytest.fixture
def backups(backed_up: BackedUp, tmp_path: Path) -> Path:
    """A copy of the backups that a test may damage."""
    shutil.copytree(backed_up.installation.backups, tmp_path / "backups")
    return tmp_path / "backups"


@pytest.fixture
def empty(backups: Path, tmp_path: Path) -> Iterator[Installation]:
    """An installation with nothing in it."""
    made = Installation(tmp_path / "data", backups)
    made.qdrant.start()
    yield made
    made.qdrant.stop()
