"""Sends files to the backend and waits until each one is settled.

However many files there are, a few are uploaded at a time and a limited number are on their way in,
so that a large folder neither floods the backend nor fills this machine's memory. Which files the
library holds already it says itself, by their hashes: a command that was stopped goes on where it
was, from any machine.
"""

import asyncio
import hashlib
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from info_assistant.cli.backend import Backend, Refused
from info_assistant.cli.files import Found
from info_assistant.errors import (
    InvalidRequest,
    NotFound,
    RateLimited,
)

_SETTLED = frozenset({"ready", "failed", "withdrawn"})
_SENT_AGAIN = frozenset({"failed", "withdrawn"})
_UPLOADS, _UNDER_WAY, _FOLLOWERS = 6, 96, 4
_PAGE = 1000
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.1, 1.0


class Result(StrEnum):
    """What became of one file."""

    READY = "ready"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file, with words where it failed."""

    source: str
    result: Result
    passages: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the library holds under a source: which document, which bytes, who may see it."""

    id: str
    sha256: str
    state: str
    access: frozenset[str]
    passages: int

    def is_file(self, sha256: str, access: Sequence[str]) -> bool:
        """Whether sending a file with these bytes, for these groups, would change nothing."""
        same = self.sha256 == sha256 and (not access or frozenset(access) == self.access)
        return same and self.state not in _SENT_AGAIN


async def known_documents(backend: Backend, sources: AbstractSet[str]) -> Mapping[str, Known]:
    """Return, by source, which of `sources` the library holds already."""
    found: dict[str, Known] = {}
    after: str | None = None
    while True:
        parameters = {"limit": _PAGE, **({"after": after} if after else {})}
        page = await backend.call("GET", "/v1/documents", params=parameters)
        for each in page["documents"]:
            if each["source"] in sources and each.get("sha256"):
                found[each["source"]] = Known(
                    each["id"],
                    each["sha256"],
                    each["state"],
                    frozenset(each["access"]),
                    int(each.get("passages") or 0),
                )
        after = page.get("next")
        if not after:
            return found


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A file that the backend has taken and that is on its way in."""

    place: int
    source: str
    id: str
    unchanged: bool


class Sender:
    """Sends files and follows each one until it is settled.

    A few are uploaded at a time; some more, accepted already, are on their way in. They settle
    roughly in the order in which they were accepted, so it is always the oldest that are asked for.
    """

    def __init__(
        self,
        backend: Backend,
        done: Callable[[Outcome], None],
        *,
        access: Sequence[str] = (),
        known: Mapping[str, Known] | None = None,
        accepted: Callable[[Found, str], None] = lambda _found, _id: None,
    ) -> None:
        """Send to `backend`; `done` is told about each file as it settles.

        `access` names the groups that may see the documents; without any, the backend decides. What
        is `known` is not sent again. `accepted` is told of each file that the library holds, with
        the document's id.
        """
        self._backend = backend
        self._done = done
        self._access = access
        self._known = known or {}
        self._accepted = accepted
        self._places = asyncio.Semaphore(_UNDER_WAY)
        self._queue: asyncio.Queue[_Accepted] = asyncio.Queue()
        self._outcomes: dict[int, Outcome] = {}

    async def send(self, files: Sequence[Found]) -> list[Outcome]:
        """Send `files` and return what became of them, in their order.

        Raises BackendUnavailable when nobody answers any more; what was accepted until then goes on
        in the backend.
        """
        waiting = iter(enumerate(files))
        try:
            async with asyncio.TaskGroup() as followers:
                following = [followers.create_task(self._follow()) for _ in range(_FOLLOWERS)]
                async with asyncio.TaskGroup() as senders:
                    for _ in range(_UPLOADS):
                        senders.create_task(self._upload_all(waiting))
                await self._queue.join()
                for each in following:
                    each.cancel()
        except BaseExceptionGroup as several:
            # All tasks meet the same outage; one of them is enough to tell.
            raise _first_of(several) from several
        return [self._outcomes.pop(place) for place in range(len(files))]

    async def _upload_all(self, waiting: Iterator[tuple[int, Found]]) -> None:
        for place, found in waiting:
            await self._places.acquire()
            try:
                taken = await self._upload(place, found)
            except (InvalidRequest, NotFound, RateLimited, Refused) as error:
                self._settle(place, Outcome(found.source, Result.FAILED, detail=error.message))
            except OSError as error:
                words = f"The file cannot be read: {error.strerror or error}."
                self._settle(place, Outcome(found.source, Result.FAILED, detail=words))
            else:
                self._accepted(found, taken.id)
                known = self._known.get(found.source)
                if taken.unchanged and known and known.state == "ready":
                    ready = Outcome(found.source, Result.UNCHANGED, passages=known.passages)
                    self._settle(place, ready)
                else:
                    self._queue.put_nowait(taken)

    async def _upload(self, place: int, found: Found) -> _Accepted:
        known = self._known.get(found.source)
        if known and known.is_file(await asyncio.to_thread(_digest, found.path), self._access):
            return _Accepted(place, found.source, known.id, unchanged=True)
        media_type = mimetypes.guess_type(found.path.name)[0] or "application/octet-stream"
        file = await asyncio.to_thread(found.path.open, "rb")
        with file:
            reply = await self._backend.call(
                "POST",
                "/v1/documents",
                files={"file": (found.path.name, file, media_type)},
                data={"source": found.source, "access": list(self._access)},
            )
        receipt = reply["documents"][0]
        unchanged = receipt["outcome"] == "unchanged"
        return _Accepted(place, found.source, receipt["id"], unchanged)

    async def _follow(self) -> None:
        while True:
            taken = await self._queue.get()
            try:
                outcome = await self._settled(taken)
            except (InvalidRequest, NotFound, RateLimited, Refused) as error:
                outcome = Outcome(taken.source, Result.FAILED, detail=error.message)
            self._settle(taken.place, outcome)
            self._queue.task_done()

    def _settle(self, place: int, outcome: Outcome) -> None:
        self._outcomes[place] = outcome
        self._places.release()
        self._done(outcome)

    async def _settled(self, taken: _Accepted) -> Outcome:
        """Wait until the document has come to rest, looking less often the longer it takes."""
        pause_s = _FIRST_LOOK_S
        path = f"/v1/documents/{taken.id}"
        while (status := await self._backend.call("GET", path))["state"] not in _SETTLED:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_LOOK_S)
        if status["state"] != "ready":
            detail = status.get("detail") or status["state"]
            return Outcome(taken.source, Result.FAILED, detail=detail)
        result = Result.UNCHANGED if taken.unchanged else Result.READY
        return Outcome(taken.source, result, passages=int(status.get("passages") or 0))


def _first_of(several: BaseException) -> BaseException:
    while isinstance(several, BaseExceptionGroup):
        several = several.exceptions[0]
    return several


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
