"""What a backup holds comes back whole, is proven before it is called good, and damage is found."""

import asyncio
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.backup.conftest import BackedUp
from tests.backup.installation import FILES, Installation, silently

from info_assistant.cli.backup import backup as command
from info_assistant.errors import StoredDataInvalid
from info_assistant.evaluation.verify_backup import BackupVerifier
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.backup.shelf import Shelf
from info_assistant.stores.blobs import ObjectBlobs

pytestmark = pytest.mark.model
FLIPS = 40


def shelf(backups: Path) -> Shelf:
    """Return the backups in a folder."""
    return Shelf(ObjectBlobs(str(backups)), SystemClock())


def checked(backups: Path, backup_id: str) -> list[str]:
    """Return what the fast check finds."""
    return list(asyncio.run(BackupVerifier(shelf(backups), silently).check(backup_id)))


def test_all_comes_back_into_an_empty_place(backed_up: BackedUp, empty: Installation) -> None:
    """Every object comes back byte for byte, and every passage is found again at once."""
    outcome = empty.restore()
    assert empty.objects() == backed_up.objects
    assert empty.searchable() == backed_up.installation.searchable()
    assert outcome.points["documents"] == len(FILES)
    again = empty.restore()
    assert (again.objects.written, again.objects.there) == (0, len(backed_up.objects))


def test_a_backup_is_good_once_it_was_restored(backed_up: BackedUp, backups: Path) -> None:
    """A verification asks the golden questions and is what makes a backup good."""
    name, place = backed_up.manifest.id, shelf(backups)
    assert asyncio.run(place.look(name)).state == "unverified"
    found = asyncio.run(BackupVerifier(place, silently).verify(name))
    assert found.good
    assert found.questions > 0
    assert asyncio.run(place.look(name)).good


def test_every_flipped_byte_is_found(backed_up: BackedUp, backups: Path) -> None:
    """Of one byte changed anywhere in a backup the check of checksums says so."""
    name = backed_up.manifest.id
    assert checked(backups, name) == []
    chance = random.Random(8)  # noqa: S311  Where is random.
    files = sorted(path for path in backups.rglob("*") if path.is_file() and path.stat().st_size)
    for number in range(FLIPS):
        path = files[number % len(files)]
        whole = path.read_bytes()
        at = chance.randrange(len(whole))
        path.write_bytes(
            whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        )
        assert checked(backups, name), f"byte {at} of {path.name}"
        path.write_bytes(whole)


def test_a_damaged_backup_is_called_bad_and_not_restored(
    backed_up: BackedUp, backups: Path, empty: Installation
) -> None:
    """What a verification calls bad is not restored, and not taken by default."""
    (pack,) = [path for path in (backups / "packs").rglob("*") if path.is_file()]
    pack.write_bytes(pack.read_bytes()[:-1])
    found = asyncio.run(BackupVerifier(shelf(backups), silently).verify(backed_up.manifest.id))
    assert not found.good
    with pytest.raises(StoredDataInvalid, match="is bad"):
        empty.restore(backed_up.manifest.id)


def test_what_was_deleted_since_stays_deleted(backed_up: BackedUp, empty: Installation) -> None:
    """A document deleted after the backup comes back nowhere, not even its bytes."""
    empty.restore()
    empty.remove("travel.md")
    tombstones = empty.folder.parent / "kept"
    (empty.folder / "objects").rename(tombstones)
    outcome = empty.restore(tombstones_from=str(tombstones))
    gone = FILES["travel.md"]
    assert outcome.tombstones == 1
    assert outcome.objects.deleted > 0
    assert gone in backed_up.objects.values()
    assert gone not in empty.objects().values()
    assert "travel.md" not in empty.searchable()
    assert "parking.md" in empty.searchable()


def test_what_came_since_stays(empty: Installation) -> None:
    """A restore over a living installation keeps documents that the backup does not know."""
    empty.restore()
    empty.take_in({"newer.md": b"# Newer\n\nThe newer rule came after the backup was made.\n"})
    before = empty.searchable()
    empty.restore()
    assert empty.searchable() == before
    assert before["newer.md"] > 0


def test_a_second_backup_shares_what_is_there(backed_up: BackedUp, empty: Installation) -> None:
    """Nothing is stored twice, and what only an old backup needed goes with it."""
    empty.restore()
    second = empty.back_up()
    assert second.added_bytes == 0
    gone = asyncio.run(shelf(empty.backups).prune(1))
    assert list(gone.backups) == [backed_up.manifest.id]
    assert gone.freed_bytes == 0
    assert checked(empty.backups, second.id) == []


def test_an_interrupted_backup_is_none(backed_up: BackedUp, backups: Path) -> None:
    """Without a manifest there is no backup, and the one before it is taken."""
    place = shelf(backups)
    begun = asyncio.run(place.begin())
    assert asyncio.run(place.look(begun)).state == "incomplete"
    assert asyncio.run(place.chosen(None)).id == backed_up.manifest.id


def test_a_restore_asks_first(backups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal and without --yes nothing is restored."""
    monkeypatch.setenv("BACKUP_URL", str(backups))
    monkeypatch.setenv("DATA_DIR", str(backups.parent / "nothing"))
    result = CliRunner().invoke(command, ["restore"])
    assert result.exit_code != 0
    assert "--yes" in result.output
    assert not (backups.parent / "nothing" / "objects").exists()


def test_truth_comes_back_while_qdrant_is_down(backed_up: BackedUp, empty: Installation) -> None:
    """With Qdrant scaled to 0 all objects are restored, and workers build the index afterwards."""
    empty.qdrant.stop()
    outcome = empty.restore(objects_only=True)
    assert empty.objects() == backed_up.objects
    assert not outcome.points
    assert "anew" in " ".join(outcome.notes)
    empty.qdrant.start()
    empty.work_until_searchable(backed_up.installation.searchable())
