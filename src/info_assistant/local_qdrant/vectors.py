"""Vectors and points: checked as a whole before the engine sees any of them.

The checks are not only courtesy. The engine takes NaN for a number, and a sparse vector whose
values are fewer than its indices makes it panic after the damage is on disk.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest
from info_assistant.local_qdrant.engine import translated
from info_assistant.local_qdrant.filters import to_id
from info_assistant.local_qdrant.schema import Schema
from info_assistant.local_qdrant.subset import unsupported

_LARGEST_FLOAT32 = 3.4028234663852886e38
_LARGEST_INDEX = 2**32 - 1

EngineVector = list[float] | edge.SparseVector


def to_points(schema: Schema, points: Sequence[models.PointStruct]) -> list[edge.Point]:
    """Return the engine's points, all of them sound. Raises InvalidRequest, NotSupported."""
    with translated():
        return [
            edge.Point(to_id(point.id), _named(schema, point.vector), point.payload)
            for point in points
        ]


def to_query_vector(schema: Schema, using: str, value: object) -> EngineVector:
    """Return a vector to search with. Raises InvalidRequest, NotSupported."""
    return _vector(schema, using, value)


def _named(schema: Schema, vectors: object) -> Any:  # noqa: ANN401  (the stubs' invariant dict)
    if isinstance(vectors, dict):
        return {name: _vector(schema, name, value) for name, value in vectors.items()}
    if isinstance(vectors, list):
        raise InvalidRequest(
            "Wrong input: Not existing vector name error: vectors have names here; send "
            '{"name": […]} instead of a bare list'
        )
    raise unsupported(f"vector given as {type(vectors).__name__}")


def _vector(schema: Schema, name: str, value: object) -> EngineVector:
    if isinstance(value, models.SparseVector):
        return _sparse(schema, name, value)
    if not isinstance(value, list) or (value and isinstance(value[0], list)):
        raise unsupported(f"vector `{name}` given as {type(value).__name__}")
    size = schema.dense.get(name)
    if size is None:
        raise _no_such(name)
    if len(value) != size:
        raise InvalidRequest(
            f"Wrong input: Vector dimension error: expected dim: {size}, got {len(value)}"
        )
    _finite(name, value)
    return value


def _sparse(schema: Schema, name: str, value: models.SparseVector) -> edge.SparseVector:
    if name not in schema.sparse:
        raise _no_such(name)
    indices, values = value.indices, value.values
    if len(indices) != len(values):
        raise InvalidRequest(
            f"Wrong input: sparse vector `{name}` has {len(indices)} indices and "
            f"{len(values)} values; both must be the same length"
        )
    if indices:
        if len(set(indices)) != len(indices):
            raise InvalidRequest(f"Wrong input: indices of sparse vector `{name}` must be unique")
        if min(indices) < 0 or max(indices) > _LARGEST_INDEX:
            raise InvalidRequest(f"Wrong input: indices of `{name}` must be unsigned 32-bit")
        _finite(name, values)
    return edge.SparseVector(indices, values)


def _finite(name: str, values: Sequence[float]) -> None:
    # NaN and infinity survive a sum, and no sum of single-precision numbers can overflow: three
    # passes in C instead of one in Python.
    total = sum(values)
    if not isfinite(total) or min(values) < -_LARGEST_FLOAT32 or max(values) > _LARGEST_FLOAT32:
        raise InvalidRequest(
            f"Wrong input: vector `{name}` holds a value that is not a finite 32-bit number"
        )


def _no_such(name: str) -> InvalidRequest:
    return InvalidRequest(f"Wrong input: Not existing vector name error: {name}")
