"""Bringing Qdrant back from a backup: beside the index in use, then in its place."""

import asyncio
from collections.abc import Mapping
from typing import Any

from info_assistant.errors import InvalidRequest, StoredDataInvalid
from info_assistant.model.document import Document
from info_assistant.stores.backup.copying import Catalogued, Progress
from info_assistant.stores.backup.manifest import CollectionCopy, Manifest
from info_assistant.stores.backup.packs import sha256_of
from info_assistant.stores.backup.shelf import Shelf
from info_assistant.stores.qdrant import QdrantBoard, QdrantCopies, QdrantPassages
from info_assistant.stores.qdrant.collection import Collection, CollectionPlan
from info_assistant.wiring.foundation import Foundation

_ANEW = "is built anew from the documents by the workers, which takes as long as taking them in"


class IndexRestorer:
    """Restores both collections of one backup; `notes` say in words what is left to others."""

    def __init__(
        self, base: Foundation, copies: QdrantCopies, shelf: Shelf, manifest: Manifest
    ) -> None:
        """Restore the copies that `manifest` names into the Qdrant of `base`."""
        self._base = base
        self._copies = copies
        self._shelf = shelf
        self._manifest = manifest
        self.notes: list[str] = []

    async def restore(self, catalogue: Catalogued, on_progress: Progress) -> Mapping[str, int]:
        """Put restored collections in the place of those in use; return their points by alias.

        `catalogue` is the backup's. What the installation knows better, it keeps: documents that
        it has in a later revision, and that others are deleted. Raises VectorStoreUnavailable,
        StoredDataInvalid.
        """
        board, passages = self._base.qdrant.board, self._base.qdrant.passages
        plans: dict[str, CollectionPlan] = {}
        points: dict[str, int] = {}
        for number, (alias, collection) in enumerate(
            (("passages", passages.collection), ("documents", board.collection))
        ):
            on_progress("index", number, 2)
            plan = await self._load(collection, alias)
            if plan is None:
                # One without the other would claim what is not there.
                self.notes.append(f"The index {_ANEW}.")
                return {}
            plans[alias] = plan
            points[alias] = await self._copies.count(plan.name)
        await self._make_right(
            catalogue, passages.over(plans["passages"]), board.over(plans["documents"]), plans
        )
        await passages.collection.adopt_successor()
        await board.collection.adopt_successor()
        on_progress("index", 2, 2)
        return points

    async def _load(self, collection: Collection, alias: str) -> CollectionPlan | None:
        """Load a copy beside what is in use; None where the backup has none for this Qdrant."""
        engine = (await self._copies.engine()).partition(" ")[0]
        for form in ("snapshot", "points"):
            # Snapshots of a cluster are of one peer each; whole are only those of the local one.
            if form == "snapshot" and engine != "local-qdrant":
                continue
            for copy in self._manifest.collections:
                fits = form == "points" or copy.engine.startswith(engine)
                if copy.alias == alias and copy.form == form and fits:
                    plan = await self._loaded(collection, copy)
                    if plan is not None:
                        return plan
        return None

    async def _loaded(self, collection: Collection, copy: CollectionCopy) -> CollectionPlan | None:
        plan = await collection.plan_fresh_successor()
        if any(copy.metadata.get(key) != value for key, value in plan.metadata.items()):
            self.notes.append("The backup's vectors are of another embedding model.")
            return None
        async with self._shelf.blobs.file(copy.file.key) as path:
            if await asyncio.to_thread(sha256_of, path) != copy.file.sha256:
                raise StoredDataInvalid(f"{copy.file.key} is damaged. Use another backup.")
            if copy.form == "snapshot":
                try:
                    await self._copies.load_snapshot(plan.name, path, copy.file.sha256)
                except InvalidRequest:
                    self.notes.append("The backup's snapshots are of another engine.")
                    return None
                await self._copies.point_to(plan.alias, plan.name)
            else:
                # The first request makes the collection and its alias.
                await Collection(self._base.qdrant.connection, plan).ask(
                    lambda client: client.get_collection(plan.name)
                )
                await self._copies.load_points(plan.name, path)
        found = await self._copies.count(plan.name)
        if found < copy.points:
            raise StoredDataInvalid(
                f"Of {copy.points} points of {copy.alias} only {found} came back, so the index in "
                "use was left as it is. Use another backup."
            )
        return plan

    async def _make_right(
        self,
        catalogue: Catalogued,
        passages: QdrantPassages,
        board: QdrantBoard,
        plans: Mapping[str, CollectionPlan],
    ) -> None:
        """Bring the new collections in line with the catalogue as it is now."""
        living = {
            document_id: (tenant, revision)
            async for tenant, document_id, revision in self._base.stores.catalogue.living()
        }
        for document_id in (await passages.counts()).keys() - living.keys():
            await passages.remove_document(document_id)
        async for status in board.every():
            if status.document.id not in living:
                await board.remove(
                    status.document.tenant, status.document.id, up_to=status.document.revision
                )
        known = {
            document_id: document.revision
            for (_, document_id), document in catalogue.living.items()
        }
        for document_id, (tenant, revision) in living.items():
            if known.get(document_id, 0) < revision:
                document = await self._base.stores.catalogue.latest(tenant, document_id)
                if document is not None:
                    await self._keep_newer(document, passages, plans)

    async def _keep_newer(
        self,
        document: Document,
        passages: QdrantPassages,
        plans: Mapping[str, CollectionPlan],
    ) -> None:
        """Carry over what the index in use has of a document that the backup knows less of."""
        conditions: Mapping[str, dict[str, Any]] = {
            "passages": {"must": [{"key": "document_id", "match": {"value": document.id}}]},
            "documents": {"must": [{"has_id": [document.id]}]},
        }
        if await self._base.qdrant.passages.count(
            document.tenant, document.id, document.content.version
        ):
            await passages.remove_document(document.id)
            await self._copies.carry_over(
                "passages", plans["passages"].name, conditions["passages"]
            )
        else:
            await passages.set_entry(document)
        await self._copies.carry_over("documents", plans["documents"].name, conditions["documents"])
