"""Sends files to the backend and waits until each one is settled.

A file's whole way, from upload to `ready` or `failed`, counts against the number in flight, so that
a large folder neither floods the backend nor fills this machine's memory.
"""

import asyncio
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from info_assistant.cli.backend import Backend, Refused
from info_assistant.cli.files import Found
from info_assistant.errors import (
    InvalidRequest,
    NotFound,
    RateLimited,
)

_SETTLED = frozenset({"ready", "failed", "withdrawn"})
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


async def send(
    backend: Backend,
    files: Sequence[Found],
    done: Callable[[Outcome], None],
    in_flight: int,
    access: Sequence[str] = (),
) -> list[Outcome]:
    """Send `files`, at most `in_flight` under way at once, and return their outcomes in order.

    `access` names the groups that may see them; without any, the backend decides. `done` is told
    about each file as it settles. Raises BackendUnavailable when nobody answers any more; what
    was accepted until then goes on in the backend.
    """
    places = asyncio.Semaphore(in_flight)

    async def one(found: Found) -> Outcome:
        async with places:
            outcome = await _send_one(backend, found, access)
            done(outcome)
            return outcome

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(found)) for found in files]
    except ExceptionGroup as several:
        # All tasks meet the same outage; one of them is enough to tell.
        raise several.exceptions[0] from several
    return [task.result() for task in tasks]


async def _send_one(backend: Backend, found: Found, access: Sequence[str]) -> Outcome:
    try:
        data = await asyncio.to_thread(found.path.read_bytes)
    except OSError as error:
        reason = error.strerror or str(error)
        return Outcome(found.source, Result.FAILED, detail=f"The file cannot be read: {reason}.")
    media_type = mimetypes.guess_type(found.path.name)[0] or "application/octet-stream"
    try:
        reply = await backend.call(
            "POST",
            "/v1/documents",
            files={"file": (found.path.name, data, media_type)},
            data={"source": found.source, "access": list(access)},
        )
        return await _settled(backend, found.source, reply["documents"][0])
    except (InvalidRequest, NotFound, RateLimited, Refused) as error:
        return Outcome(found.source, Result.FAILED, detail=error.message)


async def _settled(backend: Backend, source: str, receipt: dict[str, str]) -> Outcome:
    """Wait until the document has come to rest, looking less often the longer it takes."""
    pause_s = _FIRST_LOOK_S
    path = f"/v1/documents/{receipt['id']}"
    while (status := await backend.call("GET", path))["state"] not in _SETTLED:
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_LOOK_S)
    if status["state"] != "ready":
        return Outcome(source, Result.FAILED, detail=status.get("detail") or status["state"])
    unchanged = receipt["outcome"] == "unchanged"
    result = Result.UNCHANGED if unchanged else Result.READY
    return Outcome(source, result, passages=int(status.get("passages") or 0))
