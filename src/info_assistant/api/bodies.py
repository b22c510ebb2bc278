"""Bodies of requests that are read past the framework, whose way costs more than the check itself.

Used where every millisecond counts; the shape, the refusals and the description are the same.
"""

from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from info_assistant.api.requests import body_of, headers_of
from info_assistant.errors import InvalidRequest

Shape = TypeVar("Shape", bound=BaseModel)


def json_body(request: Request, shape: type[Shape]) -> Shape:
    """Return the body of a request. Raises InvalidRequest, RequestValidationError."""
    stated = headers_of(request).get(b"content-type", b"").partition(b";")[0].strip().lower()
    # Not only for clarity: pages of other origins can send any type but this without asking.
    if stated != b"application/json":
        raise InvalidRequest("Send the body as JSON, with `Content-Type: application/json`.")
    try:
        return shape.model_validate_json(body_of(request))
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**error, "loc": ("body", *error["loc"])} for error in found]
        ) from exc


def described_body(shape: type[BaseModel]) -> dict[str, Any]:
    """Return what the API's description says of a body that `json_body` reads."""
    reference = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}
    }
