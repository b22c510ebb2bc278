"""JSON answers written in one step, past the framework's second look at each value."""

from pydantic import BaseModel
from starlette.responses import Response

from info_assistant.model.answer import Answer

COST_HEADER = "X-Request-Cost"
"""What a whole answer cost in US dollars; of a stream the last event says it."""


def json_answer(body: BaseModel, status: int = 200) -> Response:
    """Return `body` as JSON. It was checked when it was built, and `wire` documents its shape."""
    return Response(body.model_dump_json(), status, media_type="application/json")


def with_cost(response: Response, answer: Answer) -> Response:
    """Return the response of a whole answer with what the answer cost in its headers."""
    response.headers[COST_HEADER] = f"{answer.usage.micro_usd / 1_000_000:.6f}"
    return response
