"""Backups on their way to the second region: whole, or not there at all."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.regions.conftest import ship as leave

from info_assistant.errors import NotFound, ObjectStorageUnavailable, StoredDataInvalid
from info_assistant.ports import Payload
from info_assistant.regions.loss import newest_backup
from info_assistant.regions.shipping import ship
from info_assistant.stores.blobs import ObjectBlobs


def backup(folder: Path, age: timedelta, *packs: bytes) -> str:
    """Leave a good backup with these packs and a file of its own."""
    name = leave(folder, age)
    hashes = {hashlib.sha256(each).hexdigest(): each for each in packs}
    for sha256, data in hashes.items():
        (folder / "packs" / sha256[:2]).mkdir(parents=True, exist_ok=True)
        (folder / "packs" / sha256[:2] / sha256).write_bytes(data)
    manifest = {"began_at": (datetime.now(UTC) - age).isoformat()}
    manifest |= {"packs": {sha256: len(data) for sha256, data in hashes.items()}}  # type: ignore[dict-item]
    (folder / name / "manifest.json").write_text(json.dumps(manifest))
    (folder / name / "objects.jsonl").write_text("[]\n")
    return name


def held(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where backups are made."""
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Where the second region finds them."""
    return tmp_path / "there"


async def test_the_newest_good_backup_arrives_and_shared_packs_go_once(
    here: Path, there: Path
) -> None:
    """Only what is missing is copied; a second time nothing is."""
    source, target = ObjectBlobs(str(here)), ObjectBlobs(str(there))
    with pytest.raises(NotFound, match="backup create"):
        await ship(source, target)
    backup(here, timedelta(hours=2), b"shared")
    first = await ship(source, target)
    assert (first.files, held(there)) == (4, held(here))
    second = backup(here, timedelta(hours=1), b"shared", b"new")
    leave(here, timedelta(minutes=1), good=False)
    shipped = await ship(source, target)
    assert (shipped.id, shipped.files) == (second, 4)
    newest = await newest_backup(target)
    assert newest is not None
    assert newest.id == second
    assert (await ship(source, target)).files == 0


class Breaking(ObjectBlobs):
    """A store that takes so many files and then no more."""

    def __init__(self, url: str, taken: int) -> None:
        """Take `taken` files."""
        super().__init__(url)
        self.left = taken

    async def put_new(self, key: str, data: Payload) -> bool:
        """Store while some are left."""
        if not self.left:
            raise ObjectStorageUnavailable("The line is cut.")
        self.left -= 1
        return await super().put_new(key, data)


async def test_wherever_it_is_cut_off_half_a_backup_counts_for_nothing(
    here: Path, there: Path
) -> None:
    """After each file the older backup is the newest good one, until the last; then it goes on."""
    source, target = ObjectBlobs(str(here)), ObjectBlobs(str(there))
    old = backup(here, timedelta(hours=2), b"one")
    await ship(source, target)
    new = backup(here, timedelta(hours=1), b"two", b"three")
    for taken in range(5):
        with pytest.raises(ObjectStorageUnavailable):
            await ship(source, Breaking(str(there), 1 if taken else 0))
        found = await newest_backup(target)
        assert found is not None
        assert found.id == old
    assert (await ship(source, target)).files == 1
    found = await newest_backup(target)
    assert found is not None
    assert found.id == new
    assert held(there) == held(here)


@pytest.mark.parametrize("fault", ["flipped", "missing"])
async def test_a_damaged_backup_is_not_shipped(here: Path, there: Path, fault: str) -> None:
    """A flipped byte or a missing pack is said, and what arrived counts for nothing."""
    source, target = ObjectBlobs(str(here)), ObjectBlobs(str(there))
    backup(here, timedelta(hours=1), b"one")
    (pack,) = (path for path in (here / "packs").rglob("*") if path.is_file())
    if fault == "missing":
        pack.unlink()
    else:
        pack.write_bytes(b"onf")
    with pytest.raises(StoredDataInvalid, match=pack.name):
        await ship(source, target)
    assert await newest_backup(target) is None
