"""A secret that all replicas share and nobody sets, made by the first that needs it."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from info_assistant.errors import InfoAssistantError
from info_assistant.observability.log import get_logger
from info_assistant.ports import SharedObject

_FIELD = "secret"
_BYTES = 32
_AGAIN_S = 5.0

_log = get_logger("secrets")


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
        """Make the secret if there is none; waits for object storage, and raises nothing."""
        while self.value() is None:
            try:
                await self._shared.change(_with_secret)
            except InfoAssistantError as error:
                _log.warning("A shared secret cannot be made yet", error=error.code)
                await asyncio.sleep(_AGAIN_S)


def _secret_in(fields: Mapping[str, Any]) -> bytes | None:
    try:
        return bytes.fromhex(fields[_FIELD])
    except (KeyError, TypeError, ValueError):
        return None


def _with_secret(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    # Another replica may have been first.
    known = _secret_in(fields) is not None
    return fields if known else {**fields, _FIELD: secrets.token_hex(_BYTES)}
