"""What a backend knows of backups: read once a minute, shown to operators, never proven by it."""

import asyncio
from pathlib import Path

import pytest
from tests.backup.conftest import BackedUp

from info_assistant.observability.metrics import Metrics
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.backup.manifest import Verification
from info_assistant.stores.backup.shelf import Shelf
from info_assistant.stores.backup.watch import BackupWatch
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.wiring.backup_watch import show

pytestmark = pytest.mark.model


async def looked_at(folder: Path, state: str) -> tuple[BackupWatch, Metrics]:
    """Look at the backups of a folder, the newest of which was verified with this outcome."""
    shelf, metrics = Shelf(ObjectBlobs(str(folder)), SystemClock()), Metrics()
    watch = BackupWatch(shelf, lambda found: show(metrics.backups, found), SystemClock())
    assert watch.known().looked_at is None
    if state != "unverified":
        newest = (await shelf.names())[0]
        findings = () if state == "good" else ("A question is not answered any more.",)
        outcome = Verification(
            at=SystemClock().now(),
            good=state == "good",
            findings=findings,
            restore_s=1.5,
            questions=3,
        )
        await shelf.record(newest, outcome)
    await watch.look()
    return watch, metrics


@pytest.mark.parametrize("state", ["unverified", "good", "bad"])
def test_backups_are_known_with_what_came_of_them(
    backed_up: BackedUp, backups: Path, state: str
) -> None:
    """Only a good one counts as a success; of a bad one it is said what is wrong."""
    watch, metrics = asyncio.run(looked_at(backups, state))
    (report,) = watch.known().backups
    assert (report.id, report.state) == (backed_up.manifest.id, state)
    assert report.began_at == backed_up.manifest.began_at
    assert report.size_bytes == backed_up.manifest.size
    assert report.detail == ("A question is not answered any more." if state == "bad" else "")
    exported = metrics.render().decode()
    began = backed_up.manifest.began_at.timestamp()
    assert f'backups{{state="{state}"}} 1.0' in exported
    success = metrics.registry.get_sample_value("backup_last_success_timestamp_seconds")
    assert success == (began if state == "good" else 0)


def test_a_backup_that_is_being_made_is_incomplete(backups: Path) -> None:
    """What was begun and has no manifest is shown, and counts for nothing."""

    async def begun() -> BackupWatch:
        shelf = Shelf(ObjectBlobs(str(backups)), SystemClock())
        await shelf.begin()
        watch = BackupWatch(shelf, lambda _: None, SystemClock())
        await watch.look()
        return watch

    newest, _ = asyncio.run(begun()).known().backups
    assert (newest.state, newest.began_at, newest.size_bytes) == ("incomplete", None, None)
