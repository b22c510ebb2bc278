"""API keys for programs, kept as a shared object.

A key is `pia_{id}_{secret}`. Its secret is 256 random bits, shown once; only its SHA-256 is stored.
A slow hash protects what people choose from being guessed; nobody guesses 256 random bits, and a
fast hash lets every request be checked.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from info_assistant.errors import InvalidRequest, NotFound, Unauthenticated
from info_assistant.identity.view import View
from info_assistant.model.identity import Role, is_group_name
from info_assistant.model.schema import MALFORMED, moment_from
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, SharedObject

PREFIX = "pia_"
"""What every key begins with, so that people and scanners for leaked secrets recognise one."""

MOST_KEYS = 5000
MOST_GROUPS = 200
LONGEST_NAME = 200

_KEY = re.compile(r"pia_(?P<id>[0-9a-f]{12})_(?P<secret>[0-9a-f]{64})")
_NOBODYS_DIGEST = hashlib.sha256(b"").hexdigest()

_log = get_logger("keys")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `expires_at` and `revoked_at` are None where that never happens."""

    id: str
    name: str
    tenant: str
    role: Role
    groups: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """Return `revoked`, `expired` or `active`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is asked for with."""

    tenant: str
    role: Role
    name: str
    groups: frozenset[str] = frozenset()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """A key with the hash of its secret."""

    key: ApiKey
    sha256: str


class ApiKeys:
    """The keys of an installation."""

    def __init__(self, shared: SharedObject, clock: Clock) -> None:
        """Keep the keys in `shared`."""
        self._shared = shared
        self._clock = clock
        self._view = View(shared, _decoded)

    def all(self) -> Sequence[ApiKey]:
        """Return every key that was ever made, the oldest first."""
        found = (stored.key for stored in self._view.value.values())
        return sorted(found, key=lambda key: (key.created_at, key.id))

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key of this id, whatever its state, or None."""
        stored = self._view.value.get(key_id)
        return None if stored is None else stored.key

    def verify(self, presented: str) -> ApiKey:
        """Return the key that was presented.

        Raises Unauthenticated with the code invalid_api_key, api_key_expired or api_key_revoked,
        and ObjectStorageUnavailable while it is not known which keys there are.
        """
        shape = _KEY.fullmatch(presented)
        stored = self._view.value.get(shape["id"]) if shape else None
        # Compared even where there is nothing to compare with: all refusals take the same time.
        given = hashlib.sha256(shape["secret"].encode() if shape else b"?").hexdigest()
        known = hmac.compare_digest(given, stored.sha256 if stored else _NOBODYS_DIGEST)
        if shape and stored is None:
            self._view.require_whole()
        if stored is None or not known:
            raise Unauthenticated(
                "The API key is not known here. Check that it was copied whole and belongs to this "
                "service, or ask for a new one.",
                code="invalid_api_key",
            )
        state = stored.key.state(self._clock.now())
        if state != "active":
            raise Unauthenticated(
                f"The API key {stored.key.id} is {state}. Ask the people who run this service for "
                "a new one.",
                code=f"api_key_{state}",
            )
        return stored.key

    async def create(self, wanted: NewKey) -> tuple[ApiKey, str]:
        """Make a key; return it and the whole of it in words, which nobody can see again.

        In force everywhere within 2 s. Raises InvalidRequest, ObjectStorageUnavailable.
        """
        _check(wanted, self._clock.now())
        key = ApiKey(
            id=secrets.token_hex(6),
            name=wanted.name,
            tenant=wanted.tenant,
            role=wanted.role,
            groups=wanted.groups,
            created_at=self._clock.now(),
            expires_at=wanted.expires_at,
        )
        secret = secrets.token_hex(32)
        entry = _encoded(_Stored(key, hashlib.sha256(secret.encode()).hexdigest()))

        def edit(stored: Mapping[str, Any]) -> Mapping[str, Any]:
            known = _entries(stored)
            if len(known) >= MOST_KEYS:
                raise InvalidRequest(f"There are {MOST_KEYS} keys; no more fit.")
            return {**stored, "keys": {**known, key.id: entry}}

        await self._shared.change(edit)
        return key, f"{PREFIX}{key.id}_{secret}"

    async def revoke(self, key_id: str) -> None:
        """End a key for good; refused everywhere within 2 s. Revoking twice changes nothing.

        Raises NotFound, ObjectStorageUnavailable.
        """

        def edit(stored: Mapping[str, Any]) -> Mapping[str, Any]:
            known = _entries(stored)
            if key_id not in known:
                raise NotFound(f"There is no key {key_id[:80]!r}; `keys list` shows all.")
            entry = dict(known[key_id])
            entry["revoked_at"] = entry.get("revoked_at") or self._clock.now().isoformat()
            return {**stored, "keys": {**known, key_id: entry}}

        await self._shared.change(edit)


def _check(wanted: NewKey, now: datetime) -> None:
    if not wanted.name or len(wanted.name) > LONGEST_NAME or not wanted.name.isprintable():
        raise InvalidRequest(
            f"A key needs a name of at most {LONGEST_NAME} printable characters: who uses it?"
        )
    if len(wanted.groups) > MOST_GROUPS:
        raise InvalidRequest(f"A key belongs to at most {MOST_GROUPS} groups.")
    for group in wanted.groups:
        if not is_group_name(group):
            raise InvalidRequest(
                f"{group[:80]!r} cannot name a group: up to 200 printable characters, without "
                "spaces at either end."
            )
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidRequest("The key would have expired before its first use.")


def _entries(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    found = stored.get("keys", {})
    return found if isinstance(found, dict) else {}


def _encoded(stored: _Stored) -> dict[str, Any]:
    key = stored.key
    return {
        "sha256": stored.sha256,
        "name": key.name,
        "tenant": key.tenant,
        "role": key.role.value,
        "groups": sorted(key.groups),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def _decoded(stored: Mapping[str, Any]) -> Mapping[str, _Stored]:
    """Return the keys by id. An entry that makes no sense is left out: it lets nobody in."""
    keys = {}
    for key_id, entry in _entries(stored).items():
        try:
            keys[key_id] = _stored(key_id, entry)
        except MALFORMED as error:
            _log.warning("API key unreadable", key=key_id, error=type(error).__name__)
    return keys


def _stored(key_id: str, entry: Mapping[str, Any]) -> _Stored:
    key = ApiKey(
        id=key_id,
        name=str(entry["name"]),
        tenant=str(entry["tenant"]),
        role=Role(entry["role"]),
        groups=frozenset(str(group) for group in entry["groups"]),
        created_at=moment_from(entry["created_at"]),
        expires_at=moment_from(entry["expires_at"]) if entry.get("expires_at") else None,
        revoked_at=moment_from(entry["revoked_at"]) if entry.get("revoked_at") else None,
    )
    return _Stored(key, str(entry["sha256"]))
