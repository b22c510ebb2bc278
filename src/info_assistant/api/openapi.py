"""The description of the API for machines, and a page that shows it to people without scripts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from info_assistant import __version__
from info_assistant.api.addresses import ADDRESSES
from info_assistant.api.problems import MEDIA_TYPE, http_problem
from info_assistant.api.wire import ProblemBody, QueryRequest
from info_assistant.api.wire_chat import ChatRequest

_MEANINGS: Mapping[int, str] = {
    400: "The request could not be understood.",
    401: "Nobody knows who is asking; the code says what is wrong with the credentials.",
    403: "The caller's role does not allow this.",
    404: "There is no such thing that you may see.",
    409: "Another change came first.",
    413: "The request is larger than its limit.",
    422: "Something in the request is missing or of the wrong kind.",
    429: "You have asked too often; Retry-After says when to ask again.",
    500: "The search index does not answer (`vector_store_unavailable`), or a fault of ours.",
    503: "Something that is needed does not answer, or too much is asked at once.",
    504: "The time for the request was up.",
}
# Refusals that the gateway gives at every address that needs a caller, and at those with a body.
_OF_ALL = (401, 403, 429, 503, 504)
_OF_BODIES = (400, 408, 413)
# Shapes that the framework does not see in the routes.
_SHAPES = (ProblemBody, QueryRequest, ChatRequest)
_REFERENCE = "#/components/schemas/ProblemBody"
_TEMPLATES = Path(__file__).parent / "templates"

EVENT_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["data"],
}
"""One event of a stream, as readers of the API's description check it."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of these error statuses for a route."""
    return {
        status: {
            "description": _MEANINGS.get(status, http_problem(status).title),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE}}},
        }
        for status in statuses
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document; it is made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=__version__,
            description=app.description,
            routes=app.routes,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for shape in _SHAPES:
            schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[shape.__name__] = schema
        _add_gateway(document)
        app.openapi_schema = document
    return app.openapi_schema


def _add_gateway(document: dict[str, Any]) -> None:
    """Say how to sign in and where, and what may be refused there, by the table of addresses."""
    document["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or an access token of the identity provider.",
        },
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for address in ADDRESSES:
        operation = document["paths"].get(address.path, {}).get(address.method.lower())
        if operation is not None and address.role is not None:
            # The empty choice stands for AUTH=none.
            operation["security"] = [{"bearer": []}, {"apiKey": []}, {}]
            statuses = _OF_ALL + (_OF_BODIES if "requestBody" in operation else ())
            refusals = {str(code): refusal for code, refusal in problems(*statuses).items()}
            operation["responses"] = refusals | operation["responses"]


def render_docs(document: Mapping[str, Any]) -> str:
    """Return a page with every operation, without scripts and without a second origin."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True
    )
    return environment.get_template("docs.html").render(document=document)
