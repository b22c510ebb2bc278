"""One request to the server and its reply, in Qdrant's shapes."""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.errors import InvalidRequest, PayloadTooLarge
from info_assistant.local_qdrant.subset import unsupported

_LARGEST_BODY = 32 * 1024 * 1024
"""Bytes; the real server's default."""

_SHOWN_ERRORS = 3

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """A request with the parts that handlers ask for. Methods raise InvalidRequest."""

    request: Request

    @property
    def name(self) -> str:
        """The collection named in the path."""
        return self.part("name")

    @property
    def timeout_s(self) -> float | None:
        """How long the caller wants to wait, if said."""
        text = self.request.query_params.get("timeout")
        if text is None:
            return None
        if not text.isdecimal() or int(text) < 1:
            raise InvalidRequest("Validation error: timeout must be a whole number of seconds")
        return float(text)

    def part(self, name: str) -> str:
        """Return a named part of the path."""
        return str(self.request.path_params[name])

    async def body(self, model: type[Model]) -> Model:
        """Return the body as this model of Qdrant's schema. Raises NotSupported too."""
        data = await self._json()
        try:
            return model.model_validate_json(data)
        except ValidationError as exc:
            raise _refusal(exc) from exc

    async def body_of(self, adapter: TypeAdapter[Any]) -> Any:  # noqa: ANN401  (the adapter knows)
        """Return the body as one of several models."""
        data = await self._json()
        try:
            return adapter.validate_json(data)
        except ValidationError as exc:
            raise _refusal(exc) from exc

    async def _json(self) -> bytes:
        # A page in a browser can post text to any local port, but not JSON without asking first.
        kind = self.request.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise InvalidRequest("Wrong input: the body must be sent as application/json")
        parts: list[bytes] = []
        size = 0
        async for part in self.request.stream():
            size += len(part)
            if size > _LARGEST_BODY:
                raise PayloadTooLarge(
                    f"Payload error: the body is larger than {_LARGEST_BODY} bytes; send fewer "
                    "points at once"
                )
            parts.append(part)
        data = b"".join(parts)
        # Pydantic reads NaN and Infinity, which JSON does not have. Only a body that may hold one
        # pays for the strict reading.
        if b"NaN" in data or b"Infinity" in data:
            try:
                from_json(data, allow_inf_nan=False)
            except ValueError as exc:
                raise InvalidRequest(f"Format error in JSON body: {exc}") from exc
        return data


def reply(result: object, seconds: float) -> Response:
    """Wrap a result as Qdrant does."""
    return _json_response(b'{"result":%b,"status":"ok","time":%.6f}' % (to_json(result), seconds))


def refuse(message: str, status: int, seconds: float = 0.0) -> Response:
    """Wrap an error as Qdrant does."""
    body = b'{"status":{"error":%b},"time":%.6f}' % (to_json(message), seconds)
    return _json_response(body, status)


def _json_response(body: bytes, status: int = 200) -> Response:
    return Response(body, status_code=status, media_type="application/json")


def _refusal(error: ValidationError) -> InvalidRequest:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    for problem in problems:
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            return unsupported(f"field `{problem['loc'][0]}`")
    shown = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:_SHOWN_ERRORS]
    )
    return InvalidRequest(f"Format error in JSON body: {shown}")
