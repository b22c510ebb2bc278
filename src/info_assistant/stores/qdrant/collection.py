"""The collections behind our aliases: set up when first needed, replaced without a pause."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest, Misconfigured, VectorStoreUnavailable
from info_assistant.stores.qdrant.connection import WRITE_TIMEOUT_S, CollectionMissing, Connection

_LOG = structlog.get_logger(__name__)
_T = TypeVar("_T")


def successor_alias(alias: str) -> str:
    """Return the alias of the collection that is being built to take an alias' place."""
    return f"{alias}_next"


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """A collection as we want it, behind the alias that every request uses.

    `metadata` is stored with the collection and must be there unchanged. A collection that was
    built beside another and took its place has the name and a generation, `{name}_g2`.
    """

    alias: str
    name: str
    vectors: Mapping[str, models.VectorParams]
    sparse: Mapping[str, models.SparseVectorParams]
    indexes: Mapping[str, models.PayloadFieldSchema]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def generation(self, name: str) -> int | None:
        """Return which generation of this plan a collection is, from 1; None if it is none."""
        if name == self.name:
            return 1
        number = name.removeprefix(f"{self.name}_g")
        return int(number) if number != name and number.isdecimal() else None


class Collection:
    """A collection that comes into being at first use, and again whenever it has vanished."""

    def __init__(self, connection: Connection, plan: CollectionPlan) -> None:
        """Describe the collection; nothing is asked of Qdrant yet."""
        self._connection = connection
        self._plan = plan
        self._ready = False
        self._setting_up = asyncio.Lock()

    @property
    def alias(self) -> str:
        """The name to use in requests."""
        return self._plan.alias

    async def ask(
        self,
        request: Callable[[AsyncQdrantClient], Awaitable[_T]],
        *,
        timeout_s: float | None = None,
    ) -> _T:
        """Send a request that needs the collection. Raises Misconfigured if it is another."""
        return await self._kept_up(lambda: self._connection.ask(request, timeout_s=timeout_s))

    async def change(self, request: Callable[[AsyncQdrantClient, str], Awaitable[object]]) -> None:
        """Send a change, to the collection and to a successor that is being built beside it.

        `request` is given the client and the name to use. Changes may be repeated. Raises what
        `ask` raises.
        """
        await self._kept_up(lambda: self._change_all(request))

    async def _change_all(
        self, request: Callable[[AsyncQdrantClient, str], Awaitable[object]]
    ) -> None:
        # Looked up for each change: whatever was committed before a successor's alias was there is
        # in the catalogue that it is built from, and whatever is changed since comes here.
        aliases = await self._aliases()
        for alias in (self.alias, successor_alias(self.alias)):
            if alias in aliases:
                await self._connection.ask(
                    lambda client, name=alias: request(client, name),  # type: ignore[misc]
                    timeout_s=WRITE_TIMEOUT_S,
                )
            elif alias == self.alias:
                raise CollectionMissing(alias)

    async def post(self, path: str, body: bytes, read: Callable[[bytes], _T]) -> _T:
        """Send JSON to an address below the collection's. Raises what `Connection.post` raises."""
        path = f"collections/{self.alias}/{path}"
        return await self._kept_up(lambda: self._connection.post(path, body, read))

    async def _kept_up(self, send: Callable[[], Awaitable[_T]]) -> _T:
        await self._prepare()
        try:
            return await send()
        except CollectionMissing:
            # Qdrant's storage was wiped under us: what was in it comes back from the originals.
            self._ready = False
        try:
            await self._prepare()
            return await send()
        except CollectionMissing as exc:
            raise self._vanishing() from exc

    async def drop(self) -> None:
        """Delete whatever stands behind the alias, every generation, and a successor."""
        self._ready = False
        aliases = await self._aliases()
        names = {aliases.get(self.alias), aliases.get(successor_alias(self.alias))} - {None}
        names |= {each for each in await self._names() if self._plan.generation(each)}
        for name in names:
            await self._delete(str(name))

    async def plan_successor(self) -> CollectionPlan:
        """Return the plan of the collection that is to take this one's place.

        One that was begun is gone on with, unless it is of another plan: then it is deleted. Raises
        what `ask` raises.
        """
        await self._prepare()
        aliases = await self._aliases()
        alias = successor_alias(self.alias)
        begun = aliases.get(alias)
        if begun is not None and self._plan.generation(begun) is None:
            await self._delete(begun)
            begun = None
        newest = max([self._plan.generation(each) or 0 for each in await self._names()])
        return replace(self._plan, alias=alias, name=begun or f"{self._plan.name}_g{newest + 1}")

    async def plan_fresh_successor(self) -> CollectionPlan:
        """Return the plan of a successor of which there is nothing yet; a begun one is deleted."""
        begun = (await self._aliases()).get(successor_alias(self.alias))
        if begun is not None:
            await self._delete(begun)
        await self.delete_leftovers()
        return await self.plan_successor()

    async def adopt_successor(self) -> None:
        """Let the alias lead to the successor, in one step, and delete what it led to.

        Nothing happens where there is no successor. Raises VectorStoreUnavailable.
        """
        aliases = await self._aliases()
        old, new = aliases.get(self.alias), aliases.get(successor_alias(self.alias))
        if new is None:
            return
        gone = [successor_alias(self.alias), *([self.alias] if old else [])]
        operations: list[models.AliasOperations] = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=each))
            for each in gone
        ]
        create = models.CreateAlias(collection_name=new, alias_name=self.alias)
        operations.append(models.CreateAliasOperation(create_alias=create))
        await self._connection.ask(
            lambda client: client.update_collection_aliases(operations), timeout_s=WRITE_TIMEOUT_S
        )
        _LOG.info("Qdrant alias moved", alias=self.alias, collection=new, before=old)
        await self.delete_leftovers()

    async def leftovers(self) -> list[str]:
        """Return generations that no alias leads to. Raises VectorStoreUnavailable."""
        used = set((await self._aliases()).values())
        names = await self._names()
        return [each for each in names if each not in used and self._plan.generation(each)]

    async def delete_leftovers(self) -> None:
        """Delete generations that no alias leads to. Raises VectorStoreUnavailable."""
        for name in await self.leftovers():
            await self._delete(name)

    async def _prepare(self) -> None:
        if self._ready:
            return
        async with self._setting_up:
            if not self._ready:
                try:
                    await self._set_up()
                except CollectionMissing as exc:
                    raise self._vanishing() from exc
                self._ready = True

    async def _set_up(self) -> None:
        target = await self._target()
        if target is None:
            await self._create()
        elif self._plan.generation(target) is None:
            raise self._foreign(f"collection {target}")
        else:
            info = await self._connection.ask(lambda client: client.get_collection(target))
            stored = info.config.metadata or {}
            for key, value in self._plan.metadata.items():
                if stored.get(key) != value:
                    raise self._foreign(f"{key} {stored.get(key)!r}")

    async def _target(self) -> str | None:
        return (await self._aliases()).get(self.alias)

    async def _aliases(self) -> Mapping[str, str]:
        response = await self._connection.ask(lambda client: client.get_aliases())
        return {entry.alias_name: entry.collection_name for entry in response.aliases}

    async def _names(self) -> list[str]:
        response = await self._connection.ask(lambda client: client.get_collections())
        return [entry.name for entry in response.collections]

    async def _create(self) -> None:
        """Make what is missing of the collection.

        Every step may find its work done: by another replica at the same moment, or by a process
        that was killed half-way. Nothing is deleted, since others may be writing already.
        """
        plan = self._plan
        await self._create_empty()
        for name, schema in plan.indexes.items():
            await self._connection.ask(
                lambda client, name=name, schema=schema: client.create_payload_index(  # type: ignore[misc]
                    plan.name, field_name=name, field_schema=schema, wait=True
                ),
                timeout_s=WRITE_TIMEOUT_S,
            )
        create = models.CreateAlias(collection_name=plan.name, alias_name=plan.alias)
        operation = models.CreateAliasOperation(create_alias=create)
        await self._connection.ask(
            lambda client: client.update_collection_aliases([operation]), timeout_s=WRITE_TIMEOUT_S
        )
        _LOG.info("Qdrant collection created", collection=plan.name, alias=plan.alias)

    async def _create_empty(self) -> None:
        plan = self._plan
        try:
            await self._connection.ask(
                lambda client: client.create_collection(
                    plan.name,
                    vectors_config=dict(plan.vectors),
                    sparse_vectors_config=dict(plan.sparse) or None,
                    on_disk_payload=True,
                    metadata=dict(plan.metadata) or None,
                ),
                timeout_s=WRITE_TIMEOUT_S,
                may_exist=True,
            )
        except InvalidRequest:
            # Another replica may have made it meanwhile, which is 400 or 409.
            if not await self._connection.ask(lambda client: client.collection_exists(plan.name)):
                raise

    async def _delete(self, name: str) -> None:
        await self._connection.ask(
            lambda client: client.delete_collection(name), timeout_s=WRITE_TIMEOUT_S
        )

    def _foreign(self, found: str) -> Misconfigured:
        return Misconfigured(
            f"The Qdrant alias `{self._plan.alias}` leads to {found}, written with another "
            f"embedding model or version than this one ({self._plan.name}). Run "
            "`info-assistant rebuild qdrant` to index all documents anew."
        )

    def _vanishing(self) -> VectorStoreUnavailable:
        return VectorStoreUnavailable(
            f"The Qdrant collection `{self._plan.name}` vanished while it was in use. "
            "Try again in a moment.",
            retry_after_s=5,
        )
