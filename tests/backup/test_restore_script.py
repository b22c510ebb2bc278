"""`/restore-backup.sh` brings collections back from inside the pod, with a shell and curl alone."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.backup.conftest import BackedUp
from tests.backup.installation import Installation, silently
from tests.s3_process import S3Process

from info_assistant.evaluation.verify_backup import BackupVerifier
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.wiring.backup import shelf_of

SCRIPT = Path(__file__).parents[2] / "deploy" / "containers" / "qdrant" / "restore-backup.sh"
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed"),
]


def run(
    place: Installation, *arguments: str, where: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the script as in the pod; `where` says where the backup is, else in a mounted folder."""
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments],
        env={
            "PATH": "/usr/bin:/bin",
            "QDRANT_URL": place.qdrant.url,
            **(where or {"BACKUP_DIR": str(place.backups)}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_collections_come_back(backed_up: BackedUp, empty: Installation) -> None:
    """An empty Qdrant has all passages again, and only a verified backup is taken by default."""
    refused = run(empty)
    assert refused.returncode == 1
    assert "verified" in refused.stderr
    verifier = BackupVerifier(shelf_of(empty.settings), silently)
    assert asyncio.run(verifier.verify(backed_up.manifest.id)).good
    done = run(empty)
    assert done.returncode == 0, done.stderr
    assert empty.searchable() == backed_up.installation.searchable()


def test_a_damaged_snapshot_is_refused(backed_up: BackedUp, empty: Installation) -> None:
    """A snapshot that does not match its checksum is not taken."""
    for path in (empty.backups / backed_up.manifest.id / "qdrant").glob("*.snapshot"):
        path.write_bytes(path.read_bytes()[:-1])
    done = run(empty, backed_up.manifest.id)
    assert done.returncode == 1
    assert "was not restored" in done.stderr


def test_it_says_when_qdrant_is_down(backed_up: BackedUp, empty: Installation) -> None:
    """Scaled to 0 there is nothing to restore into, and the script says what to do."""
    empty.qdrant.stop()
    done = run(empty, backed_up.manifest.id)
    assert done.returncode == 2
    assert "scaled to 0" in done.stderr


async def filled(s3: S3Process, files: Mapping[str, bytes]) -> None:
    """Put files into the bucket."""
    keys = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
    blobs = ObjectBlobs(s3.url("kept"), {"endpoint": s3.endpoint, **keys})
    for key, data in files.items():
        await blobs.put(key, data)


def test_collections_come_back_from_a_bucket(
    backed_up: BackedUp, empty: Installation, free_port: Callable[[], int]
) -> None:
    """What a backup keeps in S3 is fetched with signed requests and sent to Qdrant."""
    s3 = S3Process(free_port())
    where = {**s3.environment, "BACKUP_URL": s3.url("kept")}
    files = {
        path.relative_to(empty.backups).as_posix(): path.read_bytes()
        for path in empty.backups.rglob("*")
        if path.is_file()
    }
    with s3.running():
        asyncio.run(filled(s3, files))
        unnamed = run(empty, where=where)
        done = run(empty, backed_up.manifest.id, where=where)
    assert unnamed.returncode == 1
    assert "Name the backup" in unnamed.stderr
    assert done.returncode == 0, done.stderr
    assert empty.searchable() == backed_up.installation.searchable()
