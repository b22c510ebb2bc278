"""Copies of collections: snapshots of one engine, or points as JSON lines for any.

A copy is read back into a collection of its own, beside the one in use, which takes its place once
it is complete (`Collection.adopt_successor`). Until then nobody sees anything of it.
"""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from info_assistant.errors import InvalidRequest, VectorStoreUnavailable

_TIMEOUT_S = 600.0
_PAGE = 256
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection behind an alias: its name, how many points it has, what is noted with it."""

    alias: str
    name: str
    points: int
    metadata: Mapping[str, str]


class QdrantCopies:
    """Reads and writes whole collections of one Qdrant. Raises VectorStoreUnavailable."""

    def __init__(self, url: str, api_key: str | None) -> None:
        """Remember where Qdrant is; nothing is opened yet."""
        self.url = url.rstrip("/")
        self._headers = {"api-key": api_key} if api_key else {}

    async def engine(self) -> str:
        """Return a word for the program whose snapshots are of one kind, with its version."""
        about = await self._ask("GET", "/")
        kind = "local-qdrant" if "local-qdrant" in str(about["title"]) else "qdrant"
        return f"{kind} {about['version']}"

    async def state(self, alias: str) -> CollectionState | None:
        """Return what stands behind an alias, None where nothing does."""
        aliases = (await self._ask("GET", "/aliases"))["result"]["aliases"]
        names = {each["alias_name"]: each["collection_name"] for each in aliases}
        if alias not in names:
            return None
        name = names[alias]
        about = (await self._ask("GET", f"/collections/{name}"))["result"]
        metadata = about["config"].get("metadata") or {}
        return CollectionState(alias, name, await self.count(name), metadata)

    async def count(self, name: str) -> int:
        """Return how many points a collection has."""
        found = await self._ask("POST", f"/collections/{name}/points/count", {"exact": True})
        return int(found["result"]["count"])

    async def snapshot(self, name: str, into: Path) -> None:
        """Write a snapshot of a collection, as this peer has it, into a file."""
        made = (await self._ask("POST", f"/collections/{name}/snapshots"))["result"]["name"]
        path = f"/collections/{name}/snapshots/{made}"
        try:
            async with self._client() as client, client.stream("GET", path) as reply:
                reply.raise_for_status()
                with into.open("wb") as file:
                    async for piece in reply.aiter_bytes(_PIECE):
                        file.write(piece)
        finally:
            await self._ask("DELETE", path)

    async def load_snapshot(self, name: str, path: Path, sha256: str) -> None:
        """Make a collection from a snapshot of the same engine, replacing one of that name."""
        address = f"/collections/{name}/snapshots/upload"
        parameters = {"priority": "snapshot", "checksum": sha256}
        with path.open("rb") as file:
            async with self._client() as client:
                _require(await client.post(address, params=parameters, files={"snapshot": file}))

    async def export_points(
        self, name: str, into: Path, on_progress: Callable[[int], None] = lambda _done: None
    ) -> int:
        """Write all points of a collection into a file, a line each; return how many."""
        done = 0
        with gzip.open(into, "wb", compresslevel=1) as file:
            async for points in self._pages(name):
                file.writelines(json.dumps(each).encode() + b"\n" for each in points)
                done += len(points)
                on_progress(done)
        return done

    async def load_points(self, name: str, path: Path) -> int:
        """Write the points of a file into a collection; return how many."""
        done = 0
        with gzip.open(path, "rb") as file:
            while points := _next_points(file):
                await self.write(name, points)
                done += len(points)
        return done

    async def write(self, name: str, points: Sequence[Mapping[str, Any]]) -> None:
        """Write points as they were read, durably."""
        await self._ask("PUT", f"/collections/{name}/points?wait=true", {"points": points})

    async def carry_over(self, source: str, target: str, condition: Mapping[str, Any]) -> int:
        """Write the points of one collection that meet a condition into another."""
        done = 0
        async for points in self._pages(source, condition):
            await self.write(target, points)
            done += len(points)
        return done

    async def point_to(self, alias: str, name: str) -> None:
        """Let an alias lead to a collection."""
        action = {"create_alias": {"collection_name": name, "alias_name": alias}}
        await self._ask("POST", "/collections/aliases", {"actions": [action]})

    async def delete(self, name: str) -> None:
        """Delete a collection, if it is there."""
        await self._ask("DELETE", f"/collections/{name}")

    async def _pages(
        self, name: str, condition: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        body: dict[str, Any] = {"limit": _PAGE, "with_payload": True, "with_vector": True}
        if condition is not None:
            body["filter"] = condition
        while True:
            page = (await self._ask("POST", f"/collections/{name}/points/scroll", body))["result"]
            points = [
                {"id": each["id"], "payload": each["payload"], "vector": each.get("vector") or {}}
                for each in page["points"]
            ]
            yield points
            if page.get("next_page_offset") is None:
                return
            body["offset"] = page["next_page_offset"]

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        async with self._client() as client:
            reply = await client.request(method, path, json=body)
            _require(reply)
            found: dict[str, Any] = reply.json()
            return found

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        try:
            async with httpx.AsyncClient(
                base_url=self.url, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
            ) as client:
                yield client
        except (httpx.HTTPError, OSError, ValueError) as exc:
            raise VectorStoreUnavailable(
                f"The search service (Qdrant) at {self.url} does not answer as it should "
                f"({type(exc).__name__}). Start it, or look at its log; then do it again.",
                retry_after_s=5,
            ) from exc


def _next_points(file: gzip.GzipFile) -> list[dict[str, Any]]:
    lines = (file.readline() for _ in range(_PAGE))
    return [json.loads(line) for line in lines if line]


def _require(reply: httpx.Response) -> None:
    if reply.status_code in {400, 422}:
        raise InvalidRequest(f"Qdrant refused a request of ours: {reply.text[:300]}")
    reply.raise_for_status()
