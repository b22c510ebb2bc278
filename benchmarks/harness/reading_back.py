"""Reads back, from one backend, everything that was acknowledged by any of several."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
from benchmarks.harness.constant_use import Done
from benchmarks.harness.next_version import MARK
from benchmarks.harness.processes import KEY

SHIPPED_S = 10.0
"""Answers and audit events are in object storage within 5 s; on a busy machine a little later."""

_SETTLED_S = 60.0
_LOOK_S = 0.2
_PAGE = 500
_DOCUMENTS = "/v1/documents"
_MARKED = re.compile(rb'\\?"' + MARK.encode() + rb'\\?"\s*:\s*\{\s*\\?"of\\?"\s*:\s*\[\s*\\?"(\w+)')


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address that must answer with `status` and words that, without spaces, hold `holding`."""

    kind: str
    path: str
    status: int = 200
    holding: str = ""


class ReadingBack:
    """One backend at `url`, asked for each thing that must be there; counts what it cannot read."""

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        """Read nothing yet."""
        self.read: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()
        self._url = url
        self._client = client

    async def everything(self, done: Done, newest: int) -> None:
        """Read the `newest` of each kind that `done` names, as it stands now."""
        gone = done.deleted[-newest:]
        living = done.documents[-newest:]
        answers = done.answers[-newest:]
        ready = '"state":"ready"'
        await self._all(
            [Wanted("document", f"{_DOCUMENTS}/{each}", holding=ready) for each in living],
            _SETTLED_S,
        )
        await self._all(
            [
                *(Wanted("reading", f"{_DOCUMENTS}/{each}/text") for each in living),
                *(Wanted("original", f"{_DOCUMENTS}/{each}/original") for each in living),
                *(Wanted("tombstone", f"{_DOCUMENTS}/{each}", 404) for each in gone),
                *(Wanted("answer", f"/v1/answers/{each}") for each in answers),
                Wanted("modes", "/v1/admin/modes"),
                Wanted("incidents", "/v1/admin/incidents"),
            ],
            SHIPPED_S,
        )
        for document in living:
            await self._passages(document)
        await self._audit({*living, *gone})

    async def _all(self, wanted: Sequence[Wanted], within_s: float) -> None:
        """Ask for all, again and again where they are not there yet, and count."""
        deadline = time.monotonic() + within_s
        missing = list(wanted)
        while missing:
            found = [each for each in missing if await self._answers(each)]
            self.read.update(each.kind for each in found)
            missing = [each for each in missing if each not in found]
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(_LOOK_S)
        self.unreadable.update(each.kind for each in missing)

    async def _answers(self, wanted: Wanted) -> bool:
        reply = await self._client.get(f"{self._url}{wanted.path}")
        body = reply.text.replace(" ", "")
        return reply.status_code == wanted.status and wanted.holding in body

    async def _passages(self, document: str) -> None:
        """Ask about this document alone: what was indexed by another version must be found."""
        question = {"question": "When does it open?", "filters": {"document_ids": [document]}}
        reply = await self._client.post(f"{self._url}/v1/query", json=question)
        found = reply.json() if reply.is_success else {}
        readable = bool(found.get("citations") or found.get("see_also"))
        (self.read if readable else self.unreadable)["passages"] += 1

    async def _audit(self, targets: set[str]) -> None:
        """Page through the audit trail until every one of `targets` has been seen."""
        deadline = time.monotonic() + SHIPPED_S
        missing = set(targets)
        while missing:
            missing -= await self._audited(missing)
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(_LOOK_S)
        self.read["audit"] += len(targets) - len(missing)
        self.unreadable["audit"] += len(missing)

    async def _audited(self, wanted: set[str]) -> set[str]:
        """Return those of `wanted` that the events name as their target, newest events first."""
        found: set[str] = set()
        before = ""
        while wanted - found:
            parameters = {"limit": str(_PAGE), **({"before": before} if before else {})}
            reply = await self._client.get(f"{self._url}/v1/admin/audit", params=parameters)
            events = reply.json()["events"] if reply.is_success else []
            if not events:
                break
            found |= wanted & {each.get("target", "") for each in events}
            before = events[-1]["id"]
        return found


async def marked(folders: Iterable[Path], qdrant_url: str, collections: Sequence[str]) -> set[str]:
    """Return the kinds of things, stored in files or in Qdrant, that the next version wrote."""
    kinds: set[str] = set()
    for folder in folders:
        kinds |= await asyncio.to_thread(_marked_below, folder)
    async with httpx2.AsyncClient(headers={"api-key": KEY}, trust_env=False) as client:
        for name in collections:
            reply = await client.post(
                f"{qdrant_url}/collections/{name}/points/scroll",
                json={"limit": 10_000, "with_payload": True, "with_vector": False},
            )
            kinds |= {kind.decode() for kind in _MARKED.findall(reply.content)}
    return kinds


def _marked_below(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {kind.decode() for path in files for kind in _MARKED.findall(path.read_bytes())}
