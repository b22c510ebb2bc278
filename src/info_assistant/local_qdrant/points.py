"""Handlers for points: writing, reading and searching them."""

from typing import Any
from uuid import UUID

import qdrant_edge as edge
from pydantic import TypeAdapter
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest, NotFound
from info_assistant.local_qdrant.calls import Call
from info_assistant.local_qdrant.engine import PointId, translated
from info_assistant.local_qdrant.filters import to_filter, to_id
from info_assistant.local_qdrant.queries import (
    from_record,
    from_scored,
    to_facet,
    to_query,
    to_scroll,
    to_selector,
    to_vector_selector,
)
from info_assistant.local_qdrant.service import Server
from info_assistant.local_qdrant.subset import only
from info_assistant.local_qdrant.vectors import to_points

_SELECTOR: TypeAdapter[Any] = TypeAdapter(models.PointsSelector)

_MODES = {
    models.UpdateMode.UPSERT: edge.UpdateMode.Upsert,
    models.UpdateMode.INSERT_ONLY: edge.UpdateMode.InsertOnly,
    models.UpdateMode.UPDATE_ONLY: edge.UpdateMode.UpdateOnly,
}


async def upsert(server: Server, call: Call) -> object:
    """Store points; a fault in one of them refuses all."""
    request = await call.body(models.PointsList)
    only(request, "points", "update_filter", "update_mode")
    if not request.points:
        raise InvalidRequest("Bad request: Empty update request")
    mode = None if request.update_mode is None else _MODES[request.update_mode]
    async with server.directory.changing(call.name, call.timeout_s) as own:
        collection = server.directory.collection(own)
        points = to_points(collection.schema, request.points)
        await collection.upsert(points, to_filter(request.update_filter), mode)
    return server.completed()


async def delete(server: Server, call: Call) -> object:
    """Remove points by id or by filter."""
    request = await call.body_of(_SELECTOR)
    if isinstance(request, models.PointIdsList):
        only(request, "points")
        ids = _ids(request.points)
        return await server.change(call, edge.UpdateOperation.delete_points(ids))
    only(request, "filter")
    condition = to_filter(request.filter)
    with translated():
        operation = edge.UpdateOperation.delete_points_by_filter(_given(condition))
    return await server.change(call, operation)


async def set_payload(server: Server, call: Call) -> object:
    """Merge fields into the payload of points."""
    request = await call.body(models.SetPayload)
    ids, condition = _targets(request)
    make, by_filter = edge.UpdateOperation.set_payload, edge.UpdateOperation.set_payload_by_filter
    with translated():
        operation = (
            by_filter(_given(condition), request.payload, request.key)
            if ids is None
            else make(ids, request.payload, request.key)
        )
    return await server.change(call, operation, must_exist=ids)


async def overwrite_payload(server: Server, call: Call) -> object:
    """Replace the payload of points."""
    request = await call.body(models.SetPayload)
    only(request, "payload", "points", "filter")
    ids, condition = _targets(request)
    with translated():
        operation = (
            edge.UpdateOperation.overwrite_payload_by_filter(_given(condition), request.payload)
            if ids is None
            else edge.UpdateOperation.overwrite_payload(ids, request.payload)
        )
    return await server.change(call, operation, must_exist=ids)


async def delete_payload(server: Server, call: Call) -> object:
    """Remove fields from the payload of points."""
    request = await call.body(models.DeletePayload)
    ids, condition = _targets(request)
    with translated():
        operation = (
            edge.UpdateOperation.delete_payload_by_filter(_given(condition), request.keys)
            if ids is None
            else edge.UpdateOperation.delete_payload(ids, request.keys)
        )
    return await server.change(call, operation, must_exist=ids)


async def retrieve(server: Server, call: Call) -> object:
    """Return those of the points that exist."""
    request = await call.body(models.PointRequest)
    only(request, "ids", "with_payload", "with_vector")
    records = server.directory.collection(call.name).retrieve(
        _ids(request.ids),
        to_selector(request.with_payload, default=True),
        to_vector_selector(request.with_vector),
    )
    return [from_record(record) for record in records]


async def get_point(server: Server, call: Call) -> object:
    """Return one point with everything it has."""
    text = call.part("id")
    point = to_id(int(text) if text.isdecimal() else text)
    records = server.directory.collection(call.name).retrieve([point], True, True)
    if not records:
        raise NotFound(f"Not found: Point with id {text} does not exists!")
    return from_record(records[0])


async def query(server: Server, call: Call) -> object:
    """Answer one query."""
    request = await call.body(models.QueryRequest)
    return _answers(server, call, [request])[0]


async def query_batch(server: Server, call: Call) -> object:
    """Answer several queries in their order."""
    request = await call.body(models.QueryRequestBatch)
    return _answers(server, call, request.searches)


async def scroll(server: Server, call: Call) -> object:
    """Return a page of points."""
    request = await call.body(models.ScrollRequest)
    records, following = server.directory.collection(call.name).scroll(to_scroll(request))
    return {"points": [from_record(each) for each in records], "next_page_offset": following}


async def count(server: Server, call: Call) -> object:
    """Count points, always exactly."""
    request = await call.body(models.CountRequest)
    only(request, "filter", "exact")
    return {"count": server.directory.collection(call.name).count(to_filter(request.filter))}


async def facet(server: Server, call: Call) -> object:
    """Count the points of each value of a field."""
    request = to_facet(await call.body(models.FacetRequest))
    hits = server.directory.collection(call.name).facet(request)
    return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}


def _answers(
    server: Server, call: Call, requests: list[models.QueryRequest]
) -> list[dict[str, Any]]:
    collection = server.directory.collection(call.name)
    if not requests:
        return []
    found = collection.query([to_query(collection.schema, each) for each in requests])
    return [{"points": [from_scored(point) for point in points]} for points in found]


def _targets(
    request: models.SetPayload | models.DeletePayload,
) -> tuple[list[PointId] | None, edge.Filter | None]:
    only(request, "payload", "keys", "points", "filter", "key")
    if (request.points is None) == (request.filter is None):
        raise InvalidRequest("Bad request: give either `points` or `filter`")
    if request.points is not None:
        return _ids(request.points), None
    return None, to_filter(request.filter)


def _given(condition: edge.Filter | None) -> edge.Filter:
    if condition is None:
        raise InvalidRequest("Bad request: a filter is needed")
    return condition


def _ids(values: list[int | str | UUID]) -> list[PointId]:
    return [to_id(value) for value in values]
