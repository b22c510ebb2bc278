"""Filters: from Qdrant's request models to the engine's."""

from datetime import date
from typing import Any
from uuid import UUID

import qdrant_edge as edge
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest
from info_assistant.local_qdrant.engine import PointId, translated
from info_assistant.local_qdrant.subset import only, unsupported

_LARGEST_ID = 2**64 - 1
_LARGEST_INTEGER = 2**63 - 1


def to_filter(source: models.Filter | None) -> edge.Filter | None:
    """Return the engine's form of a filter. Raises InvalidRequest, NotSupported."""
    if source is None:
        return None
    with translated():
        return _filter(source)


def to_id(value: int | str | UUID) -> PointId:
    """Return a point id the engine accepts. Raises InvalidRequest."""
    if isinstance(value, int):
        if 0 <= value <= _LARGEST_ID:
            return value
    else:
        try:
            return str(value if isinstance(value, UUID) else UUID(value))
        except ValueError:
            pass
    raise InvalidRequest(
        f"value {value} is not a valid point ID, valid values are either an unsigned integer "
        "or a UUID"
    )


def _filter(source: models.Filter) -> edge.Filter:
    minimum = source.min_should
    if minimum is not None and minimum.min_count < 0:
        raise InvalidRequest("min_should.min_count must not be negative")
    return edge.Filter(
        must=_conditions(source.must),
        should=_conditions(source.should),
        must_not=_conditions(source.must_not),
        min_should=None
        if minimum is None
        else edge.MinShould(_conditions(minimum.conditions) or [], minimum.min_count),
    )


def _conditions(source: Any) -> list[Any] | None:  # noqa: ANN401  (an open union of the schema)
    if source is None:
        return None
    return [_condition(each) for each in (source if isinstance(source, list) else [source])]


def _condition(source: object) -> object:
    match source:
        case models.FieldCondition():
            return _field(source)
        case models.Filter():
            return _filter(source)
        case models.HasIdCondition():
            return edge.HasIdCondition({to_id(each) for each in source.has_id})
        case models.IsEmptyCondition():
            return edge.IsEmptyCondition(source.is_empty.key)
        case models.IsNullCondition():
            return edge.IsNullCondition(source.is_null.key)
    raise unsupported(f"filter condition {type(source).__name__}")


def _field(source: models.FieldCondition) -> edge.FieldCondition:
    only(source, "key", "match", "range", "is_empty", "is_null")
    clauses = (source.match, source.range, source.is_empty, source.is_null)
    if all(clause is None for clause in clauses):
        raise InvalidRequest(f"At least one condition must be specified for the key `{source.key}`")
    return edge.FieldCondition(
        source.key,
        match=_match(source.match),
        range=_range(source.range),
        is_empty=source.is_empty,
        is_null=source.is_null,
    )


def _match(source: object) -> Any:  # noqa: ANN401, PLR0911  (one of the engine's match classes)
    match source:
        case None:
            return None
        case models.MatchValue():
            return edge.MatchValue(_integer(source.value))
        case models.MatchAny():
            return edge.MatchAny(_integers(source.any))
        case models.MatchExcept():
            return edge.MatchExcept(_integers(source.except_))
        case models.MatchText():
            return edge.MatchText(source.text)
        case models.MatchTextAny():
            return edge.MatchTextAny(source.text_any)
        case models.MatchPhrase():
            return edge.MatchPhrase(source.phrase)
    raise unsupported(f"match {type(source).__name__}")


def _integers(values: Any) -> Any:  # noqa: ANN401  (texts or integers, as the schema has it)
    for value in values:
        _integer(value)
    return values


def _integer(value: str | bool | int) -> str | bool | int:  # noqa: FBT001  (a JSON value)
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        raise InvalidRequest(f"{value} does not fit into a 64-bit integer")
    return value


def _range(source: object) -> edge.RangeFloat | edge.RangeDateTime | None:
    match source:
        case None:
            return None
        case models.Range():
            return edge.RangeFloat(gte=source.gte, gt=source.gt, lte=source.lte, lt=source.lt)
        case models.DatetimeRange():
            return edge.RangeDateTime(
                gte=to_moment(source.gte),
                gt=to_moment(source.gt),
                lte=to_moment(source.lte),
                lt=to_moment(source.lt),
            )
    raise unsupported(f"range {type(source).__name__}")


def to_moment(value: date | None) -> str | None:
    """Return a date or a date with time as the engine reads it (without a zone it is UTC)."""
    return None if value is None else value.isoformat()
