"""The only place that calls the engine and the only place that knows how it fails.

The engine never releases the interpreter lock, so a thread would gain nothing: calls run directly
on the event loop and callers keep them short.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from uuid import UUID

import qdrant_edge as edge

from info_assistant.errors import InfoAssistantError, InvalidRequest, NotFound
from info_assistant.local_qdrant.faults import EngineFailed

PointId = int | UUID | str
Selector = bool | list[str] | edge.PayloadSelector

# The engine raises bare `Exception`; only its words tell the caller's mistakes from its own faults.
_CALLERS_MISTAKES = (
    "Vector dimension error",
    "Not existing vector name error",
    "No range index",
    "No appropriate index",
    "Validation failed",
    "Validation error",
    "Wrong input",
    "Bad request",
    "Malformed payload",
    "Wrong type",
    "Unable to order by",
    "Type inference",
    "failed to parse",
)


class Shard:
    """One open shard of the engine. Raises InvalidRequest, NotFound or EngineFailed, no other."""

    def __init__(self, inner: edge.EdgeShard) -> None:
        """Wrap an open shard; use `create` or `load`."""
        self._inner = inner

    @classmethod
    def create(cls, path: Path, config: edge.EdgeConfig) -> Self:
        """Make a new shard in the folder `path`."""
        with translated():
            return cls(edge.EdgeShard.create(str(path), config))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open the shard in the folder `path`, replaying what a crash left in its log."""
        with translated():
            return cls(edge.EdgeShard.load(str(path)))

    def update(self, operation: edge.UpdateOperation) -> None:
        """Apply a change; it survives a loss of power only after `flush`."""
        with translated():
            self._inner.update(operation)

    def flush(self) -> None:
        """Return once every applied change is on disk."""
        with translated():
            self._inner.flush()

    def close(self) -> None:
        """Let go of the files."""
        with translated():
            self._inner.close()

    def query(self, request: edge.QueryRequest) -> list[edge.ScoredPoint]:
        """Answer one query, best first."""
        with translated():
            return self._inner.query(request)

    def query_batch(self, requests: Sequence[edge.QueryRequest]) -> list[list[edge.ScoredPoint]]:
        """Answer several queries in their order."""
        with translated():
            return self._inner.query_batch(edge.QueryBatchRequest(list(requests)))

    def scroll(self, request: edge.ScrollRequest) -> tuple[list[edge.Record], object]:
        """Return a page of points and the id the next page starts with, or None."""
        with translated():
            return self._inner.scroll(request)

    def retrieve(
        self,
        ids: Sequence[PointId],
        payload: Selector,
        vector: bool | list[str],  # noqa: FBT001
    ) -> list[edge.Record]:
        """Return those of the points that exist."""
        with translated():
            return self._inner.retrieve(list(ids), payload, vector)

    def count(self, condition: edge.Filter | None) -> int:
        """Count the points that a filter leaves, exactly."""
        with translated():
            return self._inner.count(edge.CountRequest(exact=True, filter=condition))

    def facet(self, request: edge.FacetRequest) -> list[edge.FacetHit]:
        """Count the points of each value of a field."""
        with translated():
            return list(self._inner.facet(request).hits)

    def info(self) -> "edge.ShardInfo":
        """Return counts and payload indexes."""
        with translated():
            return self._inner.info()


@contextmanager
def translated() -> Iterator[None]:
    """Raise the product's errors in place of the engine's."""
    try:
        yield
    except InfoAssistantError:
        raise
    except (ValueError, TypeError, OverflowError) as exc:
        raise InvalidRequest(f"Wrong input: {first_line(exc)}") from exc
    except Exception as exc:
        raise _classified(exc) from exc
    except BaseException as exc:
        # A panic of the engine is no `Exception`; left alone it would end the whole process.
        if type(exc).__name__ != "PanicException":
            raise
        raise EngineFailed(
            f"The search engine stopped in the middle of its work ({first_line(exc)}). "
            "Restart local-qdrant; if that does not help, run `info-assistant rebuild qdrant`."
        ) from exc


def first_line(error: BaseException) -> str:
    """Return what an engine error says without its trace."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _classified(error: Exception) -> InvalidRequest | NotFound | EngineFailed:
    message = first_line(error)
    if message.startswith("No point with id"):
        return NotFound(f"Not found: {message} found")
    if message.startswith(_CALLERS_MISTAKES):
        return InvalidRequest(f"Wrong input: {message}")
    return EngineFailed(f"Service internal error: {message}")
