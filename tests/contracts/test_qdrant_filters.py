"""Each kind of filter leaves the same points through scroll, count and search."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from qdrant_client import AsyncQdrantClient, models
from tests.contracts.conditions import among, equal, field

DAYS = models.DatetimeRange(
    gte=datetime(2024, 1, 2, 12, tzinfo=UTC), lt=datetime(2024, 1, 4, tzinfo=UTC)
)
NULL = models.IsNullCondition(is_null=models.PayloadField(key="note"))
EMPTY = models.IsEmptyCondition(is_empty=models.PayloadField(key="extra"))
NOT_A = field("tenant", match=models.MatchExcept(**{"except": ["a"]}))
TWO_OF_THREE = models.MinShould(
    conditions=[
        equal("tenant", "a"),
        equal("groups", "legal"),
        field("page", range=models.Range(gte=5)),
    ],
    min_count=2,
)
FILTERS: dict[str, tuple[models.Filter, set[int]]] = {
    "value": (models.Filter(must=[equal("tenant", "a")]), {1, 2, 3, 4}),
    "one condition": (models.Filter(must=equal("tenant", "b")), {5, 6}),
    "integer": (models.Filter(must=[equal("page", 5)]), {5}),
    "any": (models.Filter(must=[among("page", 1, 6, 9)]), {1, 6}),
    "any of a list": (models.Filter(must=[among("groups", "legal")]), {1, 3, 5}),
    "no group": (models.Filter(must=[among("groups")]), set()),
    "except": (models.Filter(must=[NOT_A]), {5, 6}),
    "text": (models.Filter(must=[field("title", match=models.MatchText(text="report 3"))]), {3}),
    "uuid": (models.Filter(must=[equal("document", str(UUID(int=2)))]), {2}),
    "range": (models.Filter(must=[field("page", range=models.Range(gt=2, lte=4))]), {3, 4}),
    "unindexed range": (models.Filter(must=[field("score", range=models.Range(gte=2.5))]), {5, 6}),
    "datetime": (models.Filter(must=[field("at", range=DAYS)]), {2, 3}),
    "ids": (models.Filter(must=[models.HasIdCondition(has_id=[2, 5, 77])]), {2, 5}),
    "null": (models.Filter(must=[NULL]), {3}),
    "empty": (models.Filter(must=[EMPTY]), {3, 4, 5, 6}),
    "not empty": (models.Filter(must_not=[EMPTY]), {1, 2}),
    "empty list": (models.Filter(must=[field("list", is_empty=False)]), set()),
    "should": (
        models.Filter(should=[equal("page", 1), equal("page", 6)], must_not=[equal("tenant", "b")]),
        {1},
    ),
    "at least two": (models.Filter(min_should=TWO_OF_THREE), {1, 3, 5}),
    "nested": (
        models.Filter(
            must=[
                models.Filter(should=[field("page", range=models.Range(lt=3))]),
                models.Filter(must_not=[equal("groups", "legal")]),
            ]
        ),
        {2},
    ),
}


@pytest.mark.parametrize(("condition", "ids"), FILTERS.values(), ids=FILTERS)
async def test_filters_leave_the_right_points(
    client: AsyncQdrantClient, library: str, condition: models.Filter, ids: set[int]
) -> None:
    """Each kind of condition, through scroll, count and search alike."""
    found, following = await client.scroll(library, scroll_filter=condition, limit=100)
    assert following is None
    assert {each.id for each in found} == ids
    assert (await client.count(library, condition)).count == len(ids)
    near = await client.query_points(
        library, query=[1.0, 0.0, 0.0, 0.0], using="dense", query_filter=condition
    )
    assert {each.id for each in near.points} == ids
