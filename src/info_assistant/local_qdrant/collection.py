"""One collection: a folder with `config.json` and one shard of the engine."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import qdrant_edge as edge
from pydantic import BaseModel, ValidationError
from qdrant_client.http import models

from info_assistant.errors import NotFound, StoredDataInvalid
from info_assistant.local_qdrant.durable import require_room, sync_tree, write_durably
from info_assistant.local_qdrant.engine import PointId, Selector, Shard
from info_assistant.local_qdrant.faults import EngineFailed
from info_assistant.local_qdrant.indexes import describe
from info_assistant.local_qdrant.schema import Schema

_LOG = logging.getLogger(__name__)
_REOPEN_AFTER_S = 1.0
_CHUNK_POINTS = 64
"""How many points one call of the engine takes; it stalls every other request for some ms."""

LOOSE_POINTS = 5_000
_LOOSE_SHARE = 0.2
_LOOSE_AT_MOST = 200_000
_QUIET_S = 1.0
"""A collection is opened anew after so many points, and such a share of all, have come to it and
nothing has for so many seconds. That takes 6 ms for 1,000 points, in which nobody is answered: so
not beyond a size."""

_ROOM_FOR_POINTS = 32 * 1024 * 1024
_ROOM_FOR_CHANGES = 8 * 1024 * 1024
"""Bytes that must be free: less for changes, among which are those that make room."""


class StoredConfig(BaseModel):
    """What `config.json` holds."""

    format: int = 1
    name: str
    collection: models.CreateCollection


class Collection:
    """An open or not yet opened collection. The engine opens it when it is first needed.

    Every method may raise InvalidRequest, NotFound and EngineFailed. Reads are single calls of the
    engine; changes must hold the collection's lock (see `Directory.changing`).
    """

    def __init__(
        self, folder: Path, config: StoredConfig, shard: Shard | None, kind: type[Shard]
    ) -> None:
        """Take over a folder; use `create` or `find`."""
        self.folder = folder
        self.name = config.name
        self.schema = Schema.of(config.collection)
        self._shard = shard
        self._kind = kind
        self._broken: EngineFailed | None = None
        self._tried_at = 0.0
        self._added, self._changed_at = 0, 0.0

    @classmethod
    def create(cls, folder: Path, name: str, schema: Schema, kind: type[Shard]) -> Self:
        """Make a new, empty collection that survives a loss of power. Raises InvalidRequest."""
        folder.mkdir()
        config = StoredConfig(name=name, collection=schema.request)
        write_durably(folder / "config.json", config.model_dump_json(exclude_none=True).encode())
        shard = kind.create(folder / "shard", schema.to_engine())
        shard.flush()
        sync_tree(folder)
        return cls(folder, config, shard, kind)

    @classmethod
    def find(cls, folder: Path, kind: type[Shard]) -> Self:
        """Read a collection's description; its shard stays closed. Raises StoredDataInvalid."""
        path = folder / "config.json"
        try:
            config = StoredConfig.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as exc:
            raise StoredDataInvalid(
                f"The description of a collection, {path}, cannot be read ({exc}). "
                "Its points are derived data: delete the folder and run "
                "`info-assistant rebuild qdrant`."
            ) from exc
        return cls(folder, config, None, kind)

    def points_count(self) -> int:
        """Return how many points there are."""
        return self._open().info().points_count

    def describe(self) -> dict[str, Any]:
        """Return the collection's state in Qdrant's shape."""
        info = self._open().info()
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": 0,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": self.schema.to_config(),
            "payload_schema": {
                name: describe(index) for name, index in info.payload_schema.items()
            },
        }

    def query(self, requests: Sequence[edge.QueryRequest]) -> list[list[edge.ScoredPoint]]:
        """Answer queries in their order."""
        if len(requests) == 1:
            return [self._open().query(requests[0])]
        return self._open().query_batch(requests)

    def scroll(self, request: edge.ScrollRequest) -> tuple[list[edge.Record], object]:
        """Return a page of points and the id of the next, or None."""
        return self._open().scroll(request)

    def retrieve(
        self,
        ids: Sequence[PointId],
        payload: Selector,
        vector: bool | list[str],  # noqa: FBT001
    ) -> list[edge.Record]:
        """Return those of the points that exist."""
        return self._open().retrieve(ids, payload, vector)

    def count(self, condition: edge.Filter | None) -> int:
        """Count points exactly."""
        return self._open().count(condition)

    def facet(self, request: edge.FacetRequest) -> list[edge.FacetHit]:
        """Count the points of each value of a field."""
        return self._open().facet(request)

    async def upsert(
        self,
        points: Sequence[edge.Point],
        condition: edge.Filter | None,
        mode: edge.UpdateMode | None,
    ) -> None:
        """Store points; on disk when this returns. Raises DiskFull too."""
        require_room(self.folder, _ROOM_FOR_POINTS)
        shard = self._open()
        for start in range(0, len(points), _CHUNK_POINTS):
            chunk = list(points[start : start + _CHUNK_POINTS])
            self._apply(
                shard,
                edge.UpdateOperation.upsert_points(chunk, condition=condition, update_mode=mode),
            )
            self._added += len(chunk)
            # Searches get their turn between two calls of the engine.
            await asyncio.sleep(0)
        self._commit(shard)

    def change(self, *operations: edge.UpdateOperation) -> None:
        """Apply operations in their order; on disk when this returns. Raises DiskFull too."""
        require_room(self.folder, _ROOM_FOR_CHANGES)
        shard = self._open()
        for operation in operations:
            self._apply(shard, operation)
        self._commit(shard)

    def require(self, ids: Sequence[PointId]) -> None:
        """Raise NotFound if one of the points does not exist."""
        found = {str(record.id) for record in self._open().retrieve(ids, False, False)}
        for each in ids:
            if str(each) not in found:
                raise NotFound(f"Not found: No point with id {each} found")

    @property
    def is_loose(self) -> bool:
        """Whether so much has come, and so little comes now, that it is better opened anew."""
        if self._added < LOOSE_POINTS or self._broken is not None:
            return False
        if time.monotonic() < self._changed_at + _QUIET_S:
            return False
        return self.points_count() <= min(self._added / _LOOSE_SHARE, _LOOSE_AT_MOST)

    def open_anew(self) -> None:
        """Close it and open it again at once. The caller holds the right to change it."""
        self.close()
        self._open()

    def flush(self) -> None:
        """Bring every change to disk."""
        if self._shard is not None:
            self._shard.flush()

    def close(self) -> None:
        """Flush and let go of the files; nothing happens if it was never opened."""
        shard, self._shard, self._added = self._shard, None, 0
        if shard is None:
            return
        try:
            shard.flush()
            shard.close()
        except EngineFailed:
            # Closing is the last thing that happens to it; what was acknowledged is in its log.
            _LOG.exception("Collection %s was not closed in good order", self.name)

    def _open(self) -> Shard:
        if self._broken is not None:
            self._reopen(self._broken)
        if self._shard is None:
            self._shard = self._kind.load(self.folder / "shard")
        return self._shard

    def _reopen(self, fault: EngineFailed) -> None:
        """Replay the log after a fault, such as a full disk, now and then until that works."""
        now = time.monotonic()
        if now < self._tried_at + _REOPEN_AFTER_S:
            raise EngineFailed(fault.message)
        self._tried_at = now
        # The old shard goes first, with its lock; what it could not write is in the log or was
        # never acknowledged.
        self.close()
        try:
            self._shard = self._kind.load(self.folder / "shard")
            self._shard.flush()
        except EngineFailed as exc:
            self._give_up(exc)
            raise
        self._broken = None
        _LOG.warning("Collection %s is open again", self.name)

    def _apply(self, shard: Shard, operation: edge.UpdateOperation) -> None:
        try:
            shard.update(operation)
        except EngineFailed as exc:
            self._give_up(exc)
            raise

    def _commit(self, shard: Shard) -> None:
        self._changed_at = time.monotonic()
        try:
            shard.flush()
        except EngineFailed as exc:
            self._give_up(exc)
            raise

    def _give_up(self, error: EngineFailed) -> None:
        # What the engine holds in memory may now differ from the disk. Nobody reads or adds to it
        # until its log has been replayed.
        self._tried_at = time.monotonic()
        self._broken = EngineFailed(
            f"Collection `{self.name}` is closed after a fault of the engine and opened again as "
            f"soon as that works: {error.message}"
        )
