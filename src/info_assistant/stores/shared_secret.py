"""A secret that all replicas share and nobody sets, made by the first that needs it."""

import secrets
from collections.abc import Mapping
from typing import Any

from info_assistant.ports import SharedObject

_FIELD = "secret"
_BYTES = 32


class SharedSecret:
    """A random secret in a shared object. A new version of the object replaces it everywhere."""

    def __init__(self, shared: SharedObject) -> None:
        """Take the object; nothing is read or written yet."""
        self._shared = shared
        self._seen: object = None
        self._value: bytes | None = None

    def value(self) -> bytes | None:
        """Return the secret; None as long as it is not known here."""
        state = self._shared.current
        if state is not self._seen:
            self._value = _secret_in(state.fields)
            self._seen = state
        return self._value

    async def make(self) -> None:
        """Make the secret if there is none. Raises ObjectStorageUnavailable, Conflict."""
        if self.value() is None:
            await self._shared.change(_with_secret)


def _secret_in(fields: Mapping[str, Any]) -> bytes | None:
    try:
        return bytes.fromhex(fields[_FIELD])
    except (KeyError, TypeError, ValueError):
        return None


def _with_secret(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    # Another replica may have been first.
    known = _secret_in(fields) is not None
    return fields if known else {**fields, _FIELD: secrets.token_hex(_BYTES)}
