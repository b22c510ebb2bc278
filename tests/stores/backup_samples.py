"""Samples of what a backup says of itself."""

import json

from tests.stores.bench import WHEN, Bench

from info_assistant.model.schema import Stored
from info_assistant.stores.backup.manifest import (
    CollectionCopy,
    Manifest,
    StoredFile,
    Verification,
    sealed,
)

_FILE = StoredFile("20261123T123000Z-aaaaaa/objects.jsonl", "ab" * 32, 120)
MANIFEST = Manifest(
    id="20261123T123000Z-aaaaaa",
    began_at=WHEN,
    finished_at=WHEN,
    product="1.0.0",
    objects=_FILE,
    golden=_FILE,
    object_count=1,
    object_bytes=7,
    packs={"cd" * 32: 7},
    added_bytes=7,
    counts={"documents": 1},
    collections=(
        CollectionCopy(
            "passages",
            "passages_g2",
            "snapshot",
            "qdrant 1.19.0",
            "http://qdrant-0:6333",
            3,
            {"embedder": "m"},
            _FILE,
        ),
    ),
    table=_FILE,
)
VERIFICATION = Verification(
    at=WHEN, good=False, findings=("A pack is missing.",), restore_s=1.5, questions=3
)


def _without_seal(data: bytes) -> bytes:
    fields = json.loads(data)
    del fields["sealed"]
    return json.dumps(fields).encode()


def _with_seal(kind: Stored, data: bytes) -> bytes:
    """Seal a sample as the build that wrote it would have."""
    fields = json.loads(data)
    return sealed(kind, fields)


async def write_manifest(bench: Bench) -> bytes:
    """Return a manifest without its seal, which is of no shape."""
    del bench
    return _without_seal(MANIFEST.encoded())


async def read_manifest(bench: Bench, data: bytes) -> object:
    """Seal a manifest and read it."""
    del bench
    return Manifest.decoded(_with_seal(Stored.BACKUP_MANIFEST, data))


async def write_verification(bench: Bench) -> bytes:
    """Return a record without its seal."""
    del bench
    return _without_seal(VERIFICATION.encoded())


async def read_verification(bench: Bench, data: bytes) -> object:
    """Seal a record and read it."""
    del bench
    return Verification.decoded(_with_seal(Stored.BACKUP_VERIFICATION, data))
