"""Requests that carry an `Idempotency-Key`: sent again, they get what they got before.

Two small create-only objects hold that, so it is true on every replica and after a restart. First
`{tenant}/requests/{day}/{key}/asked.json` claims the key for one body, before anything is done; it
can hold some words about what will be made. `…/told.json` beside it keeps an answer, for those that
are not kept elsewhere. A request that broke off in between may be carried out again.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from info_assistant.errors import InvalidRequest, NotFound, ObjectStorageUnavailable
from info_assistant.model.identity import Caller
from info_assistant.model.schema import MALFORMED, Stored, stamped
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, FolderBlobs

KEPT_DAYS = 2
"""A key is known on the day it was first used and on the next, in UTC: for 24 hours at least."""

LONGEST_KEY = 200

_SWEEP_S = 3600.0
_DAY = timedelta(days=1)
_NAME = re.compile(r"[^/]+/requests/(\d{4}-\d{2}-\d{2})/.+")

_log = get_logger("repeats")


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered: the status, and the body as JSON."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request with a key that was claimed for it, perhaps by an earlier one (`again`).

    `about` is what was noted with the claim; `reply` is what was answered before, if so.
    """

    folder: str
    about: Mapping[str, str]
    again: bool = False
    reply: Reply | None = None


class IdempotentRequests:
    """Remembers requests by their keys, in object storage."""

    def __init__(self, blobs: FolderBlobs, clock: Clock) -> None:
        """Keep them in `blobs`."""
        self._blobs = blobs
        self._clock = clock

    async def begin(
        self, caller: Caller, key: str, digest: str, about: Mapping[str, str] | None = None
    ) -> Request:
        """Claim a caller's key for the body of this digest, or find what was answered to it.

        `about` is noted with the claim.

        Raises InvalidRequest for a key that is none or was used for another body, and
        ObjectStorageUnavailable.
        """
        if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
            raise InvalidRequest(
                f"`Idempotency-Key` must have 1 to {LONGEST_KEY} printable ASCII characters."
            )
        today = self._clock.now().date()
        for day in (today - _DAY, today):
            folder = _folder(caller, key, day)
            asked = await self._stored(f"{folder}/asked.json")
            if asked is not None:
                return await self._again(folder, asked, digest)
        folder = _folder(caller, key, today)
        noted = dict(about or {})
        claim = stamped(Stored.UPLOAD_REQUEST, {"digest": digest, "about": noted})
        if not await self._blobs.put_new(f"{folder}/asked.json", json.dumps(claim).encode()):
            # Another replica was first, a moment ago.
            asked = await self._stored(f"{folder}/asked.json")
            return await self._again(folder, asked or {}, digest)
        return Request(folder, noted)

    async def finish(self, request: Request, reply: Reply) -> Reply:
        """Keep the answer of a request, and return the one that stands: the first.

        Raises ObjectStorageUnavailable.
        """
        fields = stamped(
            Stored.UPLOAD_REQUEST, {"status": reply.status, "body": json.loads(reply.body)}
        )
        name = f"{request.folder}/told.json"
        if await self._blobs.put_new(name, json.dumps(fields, ensure_ascii=False).encode()):
            return reply
        return await self._told(request.folder) or reply

    async def run(self) -> None:
        """Delete what is older than it is kept, once an hour, until cancelled."""
        while True:
            try:
                await self.sweep()
            except ObjectStorageUnavailable as error:
                _log.warning("Requests not swept yet", error=error.code)
            await asyncio.sleep(_SWEEP_S)

    async def sweep(self) -> None:
        """Delete what is older than it is kept. Raises ObjectStorageUnavailable."""
        oldest = self._clock.now().date() - _DAY * (KEPT_DAYS - 1)
        for tenant in await self._blobs.folders(""):
            async for key in self._blobs.keys(f"{tenant}/requests"):
                named = _NAME.fullmatch(key)
                if named and named[1] < oldest.isoformat():
                    await self._blobs.delete(key)

    async def _again(self, folder: str, asked: Mapping[str, Any], digest: str) -> Request:
        if asked.get("digest", digest) != digest:
            raise InvalidRequest(
                "This `Idempotency-Key` was used for another request already. Use a new key for "
                "each request, and the same one only to repeat it unchanged."
            )
        about = asked.get("about")
        noted = about if isinstance(about, dict) else {}
        return Request(folder, noted, again=True, reply=await self._told(folder))

    async def _told(self, folder: str) -> Reply | None:
        fields = await self._stored(f"{folder}/told.json")
        if fields is None:
            return None
        try:
            return Reply(int(fields["status"]), json.dumps(fields["body"]))
        except MALFORMED:
            return None

    async def _stored(self, key: str) -> Mapping[str, Any] | None:
        try:
            fields: Mapping[str, Any] = json.loads(await self._blobs.get(key))
        except NotFound:
            return None
        except ValueError:
            return {}
        return fields


def _folder(caller: Caller, key: str, day: date) -> str:
    # Keys are their users' own business: of each caller, and nothing for names of objects.
    digest = hashlib.sha256(f"{caller.subject}\0{key}".encode()).hexdigest()
    return f"{caller.scope.tenant}/requests/{day.isoformat()}/{digest}"
