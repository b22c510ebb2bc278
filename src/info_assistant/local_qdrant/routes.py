"""Every endpoint of the subset, once. What is not in this table is answered with 501."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from info_assistant.local_qdrant import admin, points, service
from info_assistant.local_qdrant.calls import Call
from info_assistant.local_qdrant.service import Server

Handler = Callable[[Server, Call], Awaitable[object]]

_READ = frozenset({"consistency", "timeout"})
"""With one copy of everything, every read consistency is the same."""
_WRITE = frozenset({"wait", "ordering", "timeout"})
"""A change is always on disk before the reply, and changes of a collection follow one another."""
_SETUP = frozenset({"timeout"})
_SNAPSHOT = frozenset({"wait", "priority", "checksum"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table; `parameters` are the query parameters it honours."""

    method: str
    path: str
    handler: Handler
    parameters: frozenset[str] = frozenset()
    public: bool = False
    """Whether it answers without an API key, as on the real server."""


_ALIASES = "/collections/{name}/aliases"
_INDEX = "/collections/{name}/index"
_POINTS = "/collections/{name}/points"
_SNAPSHOTS = "/collections/{name}/snapshots"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/", service.about, public=True),
    Endpoint("GET", "/healthz", service.health, public=True),
    Endpoint("GET", "/livez", service.health, public=True),
    Endpoint("GET", "/readyz", service.health, public=True),
    Endpoint("GET", "/metrics", service.show_metrics),
    Endpoint("GET", "/collections", admin.list_collections),
    Endpoint("POST", "/collections/aliases", admin.update_aliases, _SETUP),
    Endpoint("GET", "/aliases", admin.list_aliases),
    Endpoint("GET", "/collections/{name}", admin.get_collection),
    Endpoint("PUT", "/collections/{name}", admin.create_collection, _SETUP),
    Endpoint("DELETE", "/collections/{name}", admin.delete_collection, _SETUP),
    Endpoint("GET", "/collections/{name}/exists", admin.collection_exists),
    Endpoint("GET", _ALIASES, admin.list_collection_aliases),
    Endpoint("PUT", _INDEX, admin.create_index, _WRITE),
    Endpoint("DELETE", f"{_INDEX}/{{field}}", admin.delete_index, _WRITE),
    Endpoint("PUT", _POINTS, points.upsert, _WRITE),
    Endpoint("POST", _POINTS, points.retrieve, _READ),
    Endpoint("GET", f"{_POINTS}/{{id}}", points.get_point, _READ),
    Endpoint("POST", f"{_POINTS}/delete", points.delete, _WRITE),
    Endpoint("POST", f"{_POINTS}/payload", points.set_payload, _WRITE),
    Endpoint("PUT", f"{_POINTS}/payload", points.overwrite_payload, _WRITE),
    Endpoint("POST", f"{_POINTS}/payload/delete", points.delete_payload, _WRITE),
    Endpoint("POST", f"{_POINTS}/query", points.query, _READ),
    Endpoint("POST", f"{_POINTS}/query/batch", points.query_batch, _READ),
    Endpoint("POST", f"{_POINTS}/scroll", points.scroll, _READ),
    Endpoint("POST", f"{_POINTS}/count", points.count, _READ),
    Endpoint("POST", "/collections/{name}/facet", points.facet, _READ),
    Endpoint("GET", _SNAPSHOTS, admin.list_snapshots),
    Endpoint("POST", _SNAPSHOTS, admin.create_snapshot, _SNAPSHOT),
    Endpoint("POST", f"{_SNAPSHOTS}/upload", admin.upload_snapshot, _SNAPSHOT),
    Endpoint("PUT", f"{_SNAPSHOTS}/recover", admin.recover_snapshot, _SNAPSHOT),
    Endpoint("GET", f"{_SNAPSHOTS}/{{snapshot}}", admin.download_snapshot),
    Endpoint("DELETE", f"{_SNAPSHOTS}/{{snapshot}}", admin.delete_snapshot, _SNAPSHOT),
)
