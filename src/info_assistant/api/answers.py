"""JSON answers written in one step, past the framework's second look at each value."""

from datetime import UTC, datetime

from pydantic import BaseModel
from starlette.responses import Response

from info_assistant.model.answer import Answer

COST_HEADER = "X-Request-Cost"
"""What a whole answer cost in US dollars; of a stream the last event says it."""


def json_answer(body: BaseModel, status: int = 200) -> Response:
    """Return `body` as JSON. It was checked when it was built, and `wire` documents its shape."""
    return Response(body.model_dump_json(), status, media_type="application/json")


CACHE_HEADER = "X-Cache"
"""Whether a whole answer was given before (hit) or not (miss), or nobody could look (off)."""


def with_facts(response: Response, answer: Answer) -> Response:
    """Return the response of a whole answer with its cost, and where it came from, as headers."""
    headers = response.headers
    headers[COST_HEADER] = f"{answer.usage.micro_usd / 1_000_000:.6f}"
    headers[CACHE_HEADER] = answer.served_by.cache
    if answer.given_at is not None:
        headers["Age"] = str(max(0, int((datetime.now(UTC) - answer.given_at).total_seconds())))
    return response
