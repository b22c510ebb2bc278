"""Answers to random questions about random points, against plain Python that tries every point."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models
from tests.local_qdrant.conftest import Process

SIZE = 3
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
Payload = dict[str, Any]
NAMES = count()


@pytest.fixture(scope="module")
def client(shared_server: Process) -> Iterator[QdrantClient]:
    """A client of the server that tests share."""
    made = shared_server.client()
    yield made
    made.close()


words = st.sampled_from(["a", "b", "c"])
days = st.integers(0, 5)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "word": st.one_of(st.none(), words, st.lists(words, max_size=3)),
        "number": st.one_of(st.none(), st.integers(-3, 3)),
        "day": days.map(lambda day: (FIRST_DAY + timedelta(days=day)).isoformat()),
    },
)
# Steps of 1/4 keep single and double precision together; a zero vector has no direction.
vectors = st.lists(
    st.integers(-8, 8).map(lambda step: step / 4), min_size=SIZE, max_size=SIZE
).filter(any)
points = st.lists(st.tuples(vectors, payloads), max_size=12)


def _conditions() -> st.SearchStrategy[Any]:
    numbers = st.integers(-4, 4)
    return st.one_of(
        words.map(
            lambda word: models.FieldCondition(key="word", match=models.MatchValue(value=word))
        ),
        st.lists(words, max_size=2).map(
            lambda some: models.FieldCondition(key="word", match=models.MatchAny(any=some))
        ),
        st.lists(words, min_size=1, max_size=2).map(
            lambda some: models.FieldCondition(
                key="word", match=models.MatchExcept(**{"except": some})
            )
        ),
        st.tuples(numbers, numbers).map(
            lambda ends: models.FieldCondition(
                key="number", range=models.Range(gte=ends[0], lt=ends[1])
            )
        ),
        days.map(
            lambda day: models.FieldCondition(
                key="day", range=models.DatetimeRange(gt=FIRST_DAY + timedelta(days=day))
            )
        ),
        st.sampled_from(["word", "number", "day"]).map(
            lambda key: models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
        ),
        st.sampled_from(["word", "number", "day"]).map(
            lambda key: models.IsNullCondition(is_null=models.PayloadField(key=key))
        ),
        st.lists(st.integers(0, 14), max_size=4).map(
            lambda ids: models.HasIdCondition(has_id=list(ids))
        ),
    )


def _groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.builds(
        models.Filter,
        must=st.none() | several,
        should=st.none() | several,
        must_not=st.none() | several,
        min_should=st.none()
        | st.builds(models.MinShould, conditions=several, min_count=st.integers(1, 2)),
    )


filters = _groups(st.recursive(_conditions(), _groups, max_leaves=5))


def holds(condition: object, number: int, payload: Payload) -> bool:
    """Say whether a point meets a condition, by the words of Qdrant's documentation."""
    match condition:
        case models.Filter():
            return _filter_holds(condition, number, payload)
        case models.HasIdCondition():
            return number in condition.has_id
        case models.IsEmptyCondition():
            return payload.get(condition.is_empty.key) in (None, [])
        case models.IsNullCondition():
            return condition.is_null.key in payload and payload[condition.is_null.key] is None
        case models.FieldCondition():
            value = payload.get(condition.key)
            values = value if isinstance(value, list) else [] if value is None else [value]
            return any(_value_holds(condition, each) for each in values)
    raise AssertionError(condition)


def _filter_holds(condition: models.Filter, number: int, payload: Payload) -> bool:
    def met(conditions: Any) -> list[bool]:  # noqa: ANN401  (lists of the schema's open union)
        return [holds(each, number, payload) for each in conditions or []]

    least = condition.min_should
    return (
        all(met(condition.must))
        and (not condition.should or any(met(condition.should)))
        and not any(met(condition.must_not))
        and (least is None or sum(met(least.conditions)) >= least.min_count)
    )


def _value_holds(condition: models.FieldCondition, value: Any) -> bool:  # noqa: ANN401  (JSON)
    wanted, limits = condition.match, condition.range
    match wanted or limits:
        case models.MatchValue(value=one):
            return bool(value == one)
        case models.MatchAny(any=some):
            return value in some
        case models.MatchExcept() as exclusion:
            return value not in exclusion.except_
        case models.Range(gte=lowest, lt=above):
            return bool(lowest is not None and above is not None and lowest <= value < above)
        case models.DatetimeRange(gt=after):
            return after is not None and datetime.fromisoformat(value) > after
    raise AssertionError(condition)


def cosine(one: list[float], other: list[float]) -> float:
    """Return the cosine of the angle between two vectors."""
    return sum(map(float.__mul__, one, other)) / (math.hypot(*one) * math.hypot(*other))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=points,
    questions=st.lists(st.tuples(filters, vectors), min_size=4, max_size=4),
    indexed=st.booleans(),
)
def test_answers_agree_with_trying_every_point(
    client: QdrantClient,
    content: list[tuple[list[float], Payload]],
    questions: list[tuple[models.Filter, list[float]]],
    *,
    indexed: bool,
) -> None:
    """Count, scroll and search give what the filter's words say, with an index and without."""
    name = f"oracle-{next(NAMES)}"
    client.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=SIZE, distance=models.Distance.COSINE)},
    )
    if indexed:
        for key, kind in (("word", "keyword"), ("number", "integer"), ("day", "datetime")):
            client.create_payload_index(name, key, models.PayloadSchemaType(kind))
    if content:
        client.upsert(
            name,
            [
                models.PointStruct(id=number, vector={"dense": vector}, payload=payload)
                for number, (vector, payload) in enumerate(content)
            ],
        )
    for condition, query in questions:
        expected = {n for n, (_, payload) in enumerate(content) if holds(condition, n, payload)}
        assert client.count(name, condition).count == len(expected)
        assert _scrolled(client, name, condition) == sorted(expected)
        found = client.query_points(
            name, query=query, using="dense", query_filter=condition, limit=20
        ).points
        assert {point.id for point in found} == expected
        scores = [point.score for point in found]
        assert scores == sorted(scores, reverse=True)
        for point in found:
            vector = content[int(point.id)][0]
            assert point.score == pytest.approx(cosine(query, vector), abs=1e-5)
    client.delete_collection(name)


def _scrolled(client: QdrantClient, name: str, condition: models.Filter) -> list[int]:
    seen: list[int] = []
    offset: Any = None
    while True:
        page, offset = client.scroll(name, scroll_filter=condition, limit=3, offset=offset)
        seen += [int(record.id) for record in page]
        if offset is None:
            return seen
