"""What a collection is made of: from the request that creates one to the engine's configuration."""

from dataclasses import dataclass, field
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest
from info_assistant.local_qdrant.engine import translated
from info_assistant.local_qdrant.subset import only, unsupported

# The engine refuses a shard without any vector, Qdrant does not; this one is never shown or filled.
_PLACEHOLDER = "_no_vectors"

_LARGEST_SIZE = 65_536

_DISTANCES = {
    models.Distance.COSINE: edge.Distance.Cosine,
    models.Distance.DOT: edge.Distance.Dot,
    models.Distance.EUCLID: edge.Distance.Euclid,
    models.Distance.MANHATTAN: edge.Distance.Manhattan,
}


@dataclass(frozen=True, slots=True)
class Schema:
    """The request that created a collection, and the vectors it names."""

    request: models.CreateCollection
    dense: dict[str, int] = field(default_factory=dict)
    """Size by name of each dense vector."""
    sparse: frozenset[str] = frozenset()

    @classmethod
    def of(cls, request: models.CreateCollection) -> "Schema":
        """Check a request. Raises InvalidRequest, NotSupported."""
        # Hints for speed (graph, optimiser, placement) are kept and shown; exact search without
        # a graph gives the answers that they can only approach.
        only(
            request,
            *("vectors", "sparse_vectors", "on_disk_payload", "metadata"),
            *("hnsw_config", "optimizers_config"),
            *("shard_number", "replication_factor", "write_consistency_factor"),
        )
        for name in ("shard_number", "replication_factor", "write_consistency_factor"):
            if getattr(request, name) not in (None, 1):
                raise unsupported(f"value {getattr(request, name)} of `{name}`: here it is 1")
        if isinstance(request.vectors, models.VectorParams):
            raise unsupported("vector without a name; give each vector a name")
        dense = {name: _size(params) for name, params in (request.vectors or {}).items()}
        for params in (request.sparse_vectors or {}).values():
            _check_sparse(params)
        sparse = frozenset(request.sparse_vectors or {})
        for name in (*dense, *sparse):
            if not name or name == _PLACEHOLDER or (name in dense and name in sparse):
                raise InvalidRequest(f"Wrong input: `{name}` cannot be the name of a vector here")
        return cls(request=request, dense=dense, sparse=sparse)

    def to_engine(self) -> edge.EdgeConfig:
        """Return the engine's configuration: exact search, payload on disk."""
        dense = {
            name: edge.EdgeVectorParams(
                size=params.size, distance=_DISTANCES[params.distance], on_disk=params.on_disk
            )
            for name, params in self._dense_params().items()
        }
        sparse = {
            name: edge.EdgeSparseVectorParams(modifier=_modifier(params))
            for name, params in (self.request.sparse_vectors or {}).items()
        }
        if not dense and not sparse:
            sparse = {_PLACEHOLDER: edge.EdgeSparseVectorParams()}
        with translated():
            return edge.EdgeConfig(
                vectors=dense,
                sparse_vectors=sparse,
                on_disk_payload=self.request.on_disk_payload is not False,
                wal_enabled=True,
            )

    def to_config(self) -> dict[str, Any]:
        """Return the `config` part of Qdrant's description of a collection."""
        request = self.request
        config: dict[str, Any] = {
            "params": {
                "vectors": _dumped(request, "vectors") or {},
                "shard_number": 1,
                "replication_factor": 1,
                "write_consistency_factor": 1,
                "on_disk_payload": request.on_disk_payload is not False,
            },
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
            | (_dumped(request, "hnsw_config") or {}),
            "optimizer_config": {"default_segment_number": 1, "flush_interval_sec": 0}
            | (_dumped(request, "optimizers_config") or {}),
            "quantization_config": None,
        }
        if request.sparse_vectors:
            config["params"]["sparse_vectors"] = _dumped(request, "sparse_vectors")
        if request.metadata is not None:
            config["metadata"] = request.metadata
        return config

    def _dense_params(self) -> dict[str, models.VectorParams]:
        vectors = self.request.vectors
        return vectors if isinstance(vectors, dict) else {}


def _size(params: models.VectorParams) -> int:
    only(params, "size", "distance", "on_disk", "hnsw_config", "datatype")
    if params.datatype not in (None, models.Datatype.FLOAT32):
        raise unsupported(f"vector datatype {params.datatype.value}")
    if not 1 <= params.size <= _LARGEST_SIZE:
        raise InvalidRequest(f"Wrong input: vector size {params.size} is not in 1…{_LARGEST_SIZE}")
    return params.size


def _check_sparse(params: models.SparseVectorParams) -> None:
    only(params, "modifier", "index")
    if params.index is not None:
        only(params.index, "on_disk", "full_scan_threshold")


def _modifier(params: models.SparseVectorParams) -> edge.Modifier | None:
    return edge.Modifier.Idf if params.modifier is models.Modifier.IDF else None


def _dumped(request: models.CreateCollection, name: str) -> Any:  # noqa: ANN401  (JSON)
    return request.model_dump(mode="json", include={name}, exclude_none=True).get(name)
