"""What a backup says of itself: small JSON files that carry a checksum of themselves.

Of a sealed file every byte counts: it is taken only if sealing its fields again gives the same
bytes, so that one flipped bit anywhere is found.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped

_SEAL = "sealed"
_MEMBERS = 6
"""Of an object in the list; a later version may add more behind them."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a backup, with its SHA-256 in hexadecimal and its size in bytes."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of the installation: `size` bytes from `offset` on in the pack of that SHA-256.

    `modified_ms` is when the installation had written it, in milliseconds since 1970.
    """

    key: str
    sha256: str
    size: int
    modified_ms: int
    pack: str
    offset: int


@dataclass(frozen=True, slots=True)
class CollectionCopy:
    """A copy of a collection of Qdrant: `form` is `snapshot` (of one peer) or `points`.

    `engine` names the program whose snapshots are of this kind; points are read by any.
    """

    alias: str
    collection: str
    form: str
    engine: str
    peer: str
    points: int
    metadata: Mapping[str, str]
    file: StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All about a backup; the file that is written last, and makes it one."""

    id: str
    began_at: datetime
    finished_at: datetime
    product: str
    objects: StoredFile
    golden: StoredFile
    object_count: int
    object_bytes: int
    packs: Mapping[str, int]
    added_bytes: int
    counts: Mapping[str, int]
    collections: Sequence[CollectionCopy] = field(default_factory=tuple)
    table: StoredFile | None = None

    @property
    def size(self) -> int:
        """What a restore needs of the store, in bytes; packs may be shared with other backups."""
        return sum(self.packs.values()) + sum(each.size for each in self.files)

    @property
    def files(self) -> Sequence[StoredFile]:
        """The files that belong to this backup alone."""
        own = [self.objects, self.golden, *(each.file for each in self.collections)]
        return [*own, self.table] if self.table else own

    def encoded(self) -> bytes:
        """Return the manifest as it is stored."""
        return sealed(Stored.BACKUP_MANIFEST, asdict(self))

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """Read a manifest. Raises StoredDataInvalid."""
        fields = unsealed(data, "manifest of the backup")
        try:
            table = fields.get("table")
            return cls(
                id=str(fields["id"]),
                began_at=moment_from(fields["began_at"]),
                finished_at=moment_from(fields["finished_at"]),
                product=str(fields["product"]),
                objects=_file(fields["objects"]),
                golden=_file(fields["golden"]),
                object_count=int(fields["object_count"]),
                object_bytes=int(fields["object_bytes"]),
                packs={str(name): int(size) for name, size in fields["packs"].items()},
                added_bytes=int(fields["added_bytes"]),
                counts={str(name): int(count) for name, count in fields["counts"].items()},
                collections=tuple(map(_collection, fields["collections"])),
                table=_file(table) if table else None,
            )
        except MALFORMED as exc:
            raise _not_understood("manifest of the backup", exc) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of a verification. `restore_s` is how long the restore into scratch took.

    `findings` are in words; there are none where the backup is `good`.
    """

    at: datetime
    good: bool
    findings: Sequence[str]
    restore_s: float
    questions: int

    def encoded(self) -> bytes:
        """Return the record as it is stored."""
        return sealed(Stored.BACKUP_VERIFICATION, asdict(self))

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """Read a record. Raises StoredDataInvalid."""
        fields = unsealed(data, "record of its verification")
        try:
            return cls(
                at=moment_from(fields["at"]),
                good=fields["good"] is True,
                findings=tuple(map(str, fields["findings"])),
                restore_s=float(fields["restore_s"]),
                questions=int(fields["questions"]),
            )
        except MALFORMED as exc:
            raise _not_understood("record of its verification", exc) from exc


def sealed(kind: Stored, fields: Mapping[str, Any]) -> bytes:
    """Return fields as stamped JSON with a checksum over all of it."""
    return _with_seal(stamped(kind, fields))


def unsealed(data: bytes, what: str) -> Mapping[str, Any]:
    """Return the fields of sealed JSON. Raises StoredDataInvalid, naming `what`."""
    try:
        fields = json.loads(data)
        fields.pop(_SEAL)
        whole = _with_seal(fields) == data
    except MALFORMED as exc:
        raise _not_understood(what, exc) from exc
    if not whole:
        raise StoredDataInvalid(
            f"The {what} is damaged: its checksum does not fit. Use another backup."
        )
    return dict(fields)


def encoded_objects(objects: Sequence[StoredObject]) -> bytes:
    """Return the list of objects as it is stored, a line each."""
    lines = (
        json.dumps([each.key, each.sha256, each.size, each.modified_ms, each.pack, each.offset])
        for each in objects
    )
    return "".join(f"{line}\n" for line in lines).encode()


def decoded_objects(data: bytes) -> list[StoredObject]:
    """Return the objects of a list. Raises StoredDataInvalid."""
    try:
        return [StoredObject(*json.loads(line)[:_MEMBERS]) for line in data.splitlines()]
    except MALFORMED as exc:
        raise _not_understood("list of the objects in the backup", exc) from exc


def _with_seal(fields: Mapping[str, Any]) -> bytes:
    body = _json({name: value for name, value in fields.items() if name != _SEAL})
    return _json({**fields, _SEAL: hashlib.sha256(body).hexdigest()})


def _json(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, default=datetime.isoformat, sort_keys=True, indent=1)
    return f"{text}\n".encode()


def _collection(fields: Mapping[str, Any]) -> CollectionCopy:
    return CollectionCopy(
        alias=str(fields["alias"]),
        collection=str(fields["collection"]),
        form=str(fields["form"]),
        engine=str(fields["engine"]),
        peer=str(fields["peer"]),
        points=int(fields["points"]),
        metadata={str(name): str(value) for name, value in fields["metadata"].items()},
        file=_file(fields["file"]),
    )


def _file(fields: Mapping[str, Any]) -> StoredFile:
    return StoredFile(str(fields["key"]), str(fields["sha256"]), int(fields["size"]))


def _not_understood(what: str, exc: Exception) -> StoredDataInvalid:
    return StoredDataInvalid(
        f"The {what} cannot be understood ({type(exc).__name__}). Use another backup."
    )
