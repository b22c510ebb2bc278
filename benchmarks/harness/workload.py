"""Documents handed in, changed and deleted all the time, by clients that do not give up."""

import asyncio
import hashlib
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

_PAUSE_S = 0.05
_TIMEOUT_S = 30.0
_ENDINGS = (".md", ".html", ".csv", ".txt")


def document(number: int, version: int) -> tuple[str, bytes]:
    """Return a document's name and bytes: a few sections of text of their own, of four formats."""
    ending = _ENDINGS[number % len(_ENDINGS)]
    name = f"notice-{number:04}{ending}"
    parts = [_section(number, version, each) for each in range(2 + number % 7)]
    if ending == ".html":
        body = "".join(f"<h2>{head}</h2><p>{text}</p>" for head, text in parts)
        return name, f"<html><body><h1>Notice {number}</h1>{body}</body></html>".encode()
    if ending == ".csv":
        rows = [f'"{head}","{text}"' for head, text in parts]
        return name, "\n".join(["Section,Text", *rows]).encode()
    mark = "## " if ending == ".md" else ""
    return name, "\n\n".join(f"{mark}{head}\n\n{text}" for head, text in parts).encode()


def _section(number: int, version: int, part: int) -> tuple[str, str]:
    hour, desk = (number + part + version) % 12 + 1, number * 31 + part
    text = (
        f"Counter {desk} opens at {hour} o'clock in edition {version} of notice {number}. "
        f"Requests of kind {part} are answered within {hour + 2} working days. "
        f"Whoever comes to counter {desk} brings form {number}-{part}."
    )
    return f"Counter {desk}", " ".join([text] * (1 + number % 5))


@dataclass(slots=True)
class Promised:
    """What the product has acknowledged: the newest bytes by document, and what is deleted.

    `ids` are documents' ids by name. `attempts` counts requests, `refused` those that did not
    succeed at once.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    refused: int = 0


class Clients:
    """Hand in `count` documents at several backends, again and again in new versions.

    Beside them each client hands in a copy of a living document under another name and deletes it,
    so that bytes are shared and given up all the time.
    """

    def __init__(self, urls: Sequence[str], count: int, client: httpx2.AsyncClient) -> None:
        """Do nothing yet."""
        self.promised = Promised()
        self.urls = urls
        self._client = client
        self._rest = iter(range(count))
        self._count = count
        self._copies = itertools.count()
        self._stop = False

    async def run(self, clients: int) -> None:
        """Work until told to stop; every document has been accepted once when this returns."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._one(number, clients))

    def stop(self) -> None:
        """Begin nothing new once every document is in."""
        self._stop = True

    async def _one(self, number: int, clients: int) -> None:
        for each in self._rest:
            await self._hand_in(each, 0)
            await asyncio.sleep(_PAUSE_S)
        version = 0
        while not self._stop:
            version += 1
            for each in range(number, self._count, clients):
                if self._stop:
                    return
                await self._hand_in(each, version)
                await self._copy_and_delete(each, version)
                await asyncio.sleep(_PAUSE_S)

    async def _hand_in(self, number: int, version: int) -> None:
        name, data = document(number, version)
        self.promised.ids[name] = await self._accepted(name, name, data)
        self.promised.hashes[name] = hashlib.sha256(data).hexdigest()

    async def _copy_and_delete(self, number: int, version: int) -> None:
        name, data = document(number, version)
        source = f"copies/{next(self._copies)}-{name}"
        document_id = await self._accepted(source, name, data)
        reply = await self._insist("DELETE", f"/v1/documents/{document_id}", (204, 404))
        if reply is not None:
            self.promised.deleted[source] = document_id

    async def _accepted(self, source: str, name: str, data: bytes) -> str:
        reply = await self._insist(
            "POST",
            "/v1/documents",
            (200, 202),
            files={"file": (name, data)},
            data={"source": source},
        )
        return str(reply.json()["documents"][0]["id"])

    async def _insist(
        self, method: str, path: str, good: Sequence[int], **body: object
    ) -> httpx2.Response:
        """Send a request to one backend or another until it succeeds."""
        while True:
            url = random.choice(self.urls)  # noqa: S311  Who is asked is what is random.
            self.promised.attempts += 1
            try:
                reply = await self._client.request(method, url + path, **body)  # type: ignore[arg-type]
            except httpx2.HTTPError:
                reply = None
            if reply is not None and reply.status_code in good:
                return reply
            if reply is not None and reply.status_code < 500 and reply.status_code != 429:  # noqa: PLR2004
                raise RuntimeError(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
            self.promised.refused += 1
            await asyncio.sleep(4 * _PAUSE_S)


@asynccontextmanager
async def clients_at(urls: Sequence[str], count: int) -> AsyncIterator[Clients]:
    """Give clients of the backends at `urls` for `count` documents."""
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        yield Clients(urls, count, client)
