"""What all handlers share, and the handlers for health, version and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from typing import Any

import qdrant_edge as edge
from starlette.responses import JSONResponse, PlainTextResponse, Response

from info_assistant.local_qdrant.calls import Call
from info_assistant.local_qdrant.directory import Directory
from info_assistant.local_qdrant.engine import PointId
from info_assistant.local_qdrant.metrics import Metrics
from info_assistant.local_qdrant.snapshots import Snapshots

API_VERSION = version("qdrant-client")
"""The version of Qdrant's API whose models parse the requests; clients compare it with theirs."""


@dataclass(frozen=True, slots=True)
class Server:
    """The parts that handlers work with."""

    directory: Directory
    snapshots: Snapshots
    metrics: Metrics
    _operations: "count[int]" = field(default_factory=lambda: count(1))

    def completed(self) -> dict[str, Any]:
        """Return the acknowledgement of a change that is on disk."""
        return {"operation_id": next(self._operations), "status": "completed"}

    async def change(
        self,
        call: Call,
        operation: edge.UpdateOperation,
        must_exist: Sequence[PointId] | None = None,
    ) -> dict[str, Any]:
        """Apply one change to the collection of the path and acknowledge it once it is on disk.

        Raises NotFound, changing nothing, if one of the points in `must_exist` is missing.
        """
        async with self.directory.changing(call.name, call.timeout_s) as own:
            collection = self.directory.collection(own)
            if must_exist is not None:
                collection.require(must_exist)
            collection.change(operation)
        return self.completed()


async def about(server: Server, call: Call) -> Response:
    """Say what this is and which API version it speaks."""
    _ = server, call
    title = "local-qdrant: a subset of Qdrant's REST API over qdrant-edge"
    return JSONResponse({"title": title, "version": API_VERSION})


async def health(server: Server, call: Call) -> Response:
    """Say that the process answers; collections open when they are first asked for."""
    _ = server
    kind = call.request.url.path.removeprefix("/")
    words = {"readyz": "all shards are ready"}.get(kind, f"{kind} check passed")
    return PlainTextResponse(words)


async def show_metrics(server: Server, call: Call) -> Response:
    """Return metrics for Prometheus."""
    _ = call
    return Response(server.metrics.exposition(), media_type="text/plain; version=0.0.4")
