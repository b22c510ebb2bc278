"""From the error tree to HTTP: the only place that knows both.

Every error leaves as an RFC 9457 problem with a stable `code` and the request's id. What went wrong
inside is for the log; the body says what it means and what to do.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from info_assistant import errors
from info_assistant.api.wire import citation_body
from info_assistant.errors import InfoAssistantError

MEDIA_TYPE = "application/problem+json"
"""The media type of every error body."""

INTERNAL = "internal"
"""The code of errors that are ours to mend and nobody else's to read."""

_DEFAULT_RETRY_AFTER_S = 5.0
_INVALID = "invalid_request_error"
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_REALM = 'Bearer realm="info-assistant"'
_MOST_FIELD_ERRORS = 20
_LONGEST_FIELD = 100


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of errors is told over HTTP; `internal` ones keep their message for the log."""

    status: int
    title: str
    internal: bool = False


TABLE: Mapping[type[InfoAssistantError], Row] = {
    errors.InfoAssistantError: Row(500, "Something went wrong on our side", internal=True),
    errors.InvalidRequest: Row(422, "The request cannot be served as it stands"),
    errors.PersonalDataFound: Row(422, "The question holds personal data"),
    errors.PayloadTooLarge: Row(413, "The request is too large"),
    errors.Unauthenticated: Row(401, "Please sign in"),
    errors.Forbidden: Row(403, "You may not do this"),
    errors.DocumentLimitReached: Row(403, "No more documents can be kept"),
    errors.NotFound: Row(404, "Not found"),
    errors.Conflict: Row(409, "Another change came first"),
    errors.ModeSetByEnvironment: Row(409, "The environment says otherwise"),
    errors.ContradictoryModes: Row(409, "These modes exclude each other"),
    errors.ResumeElsewhere: Row(409, "The answer is given elsewhere"),
    errors.AnswerUnderWay: Row(409, "The answer is under way"),
    errors.Unreadable: Row(422, "The document cannot be read"),
    errors.ReaderBroken: Row(422, "The document cannot be read"),
    errors.Unavailable: Row(503, "Something that is needed does not answer"),
    errors.VectorStoreUnavailable: Row(500, "The search index does not answer"),
    errors.ObjectStorageUnavailable: Row(503, "The document storage does not answer"),
    errors.RedisUnavailable: Row(503, "What replicas share cannot be reached"),
    errors.EmbedderUnavailable: Row(503, "The language model for search is not available"),
    errors.ProviderError: Row(503, "No answer can be written at the moment"),
    errors.GenerationUnavailable: Row(503, "No answer can be written at the moment"),
    errors.IngestionUnavailable: Row(503, "Documents are not taken in at the moment"),
    errors.IngestionPaused: Row(503, "The intake of documents is paused"),
    errors.IdentityProviderUnavailable: Row(503, "Signing in is not possible at the moment"),
    errors.RecordsUnavailable: Row(503, "What is done cannot be recorded at the moment"),
    errors.Maintenance: Row(503, "The service is closed for maintenance"),
    errors.CacheOnlyMiss: Row(503, "Only known answers are given at the moment"),
    errors.ShuttingDown: Row(503, "The service is being restarted"),
    errors.BackendUnavailable: Row(503, "The backend cannot be reached"),
    errors.TooBusy: Row(503, "Too much is asked at once"),
    errors.RateLimited: Row(429, "You have asked too often"),
    errors.BudgetExhausted: Row(429, "The budget for this month is used up"),
    errors.Overloaded: Row(503, "Too much is asked at once"),
    errors.DeadlineExceeded: Row(504, "The time for this request is up"),
    errors.StoredDataInvalid: Row(500, "Something went wrong on our side", internal=True),
    errors.Misconfigured: Row(500, "Something went wrong on our side", internal=True),
}
"""One row for each class of errors.py."""

_INTERNAL_DETAIL = (
    "An unexpected error stopped this request. Nothing is wrong with what you sent. Please try "
    "again; if it happens repeatedly, give the request id to the people who run this service."
)

HTTP_CODES: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "The request could not be understood. Please check its format."),
    404: ("not_found", "There is nothing at this address. GET /docs lists what there is."),
    405: ("method_not_allowed", "This address does not take this method. GET /docs lists them."),
    408: ("request_timeout", "The request came too slowly. Please send it again."),
    413: ("payload_too_large", "The request is larger than its limit. Please send less at once."),
    415: ("unsupported_media_type", "This address does not take this media type."),
    416: ("range_not_satisfiable", "The file has no such bytes. Its size is in Content-Range."),
    422: ("invalid_request", "The request cannot be served as it stands."),
}
"""Codes and words for statuses that the web framework itself decides on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a client sees it, before it becomes bytes."""

    status: int
    code: str
    title: str
    detail: str
    retry_after_s: float | None = None
    fields: Sequence[Mapping[str, str]] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def retry_after(self) -> int | None:
        """Whole seconds after which trying again makes sense, where that is known."""
        return None if self.retry_after_s is None else max(1, math.ceil(self.retry_after_s))

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the members of the problem document."""
        body: dict[str, Any] = {
            "type": f"urn:info-assistant:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.fields:
            body["errors"] = list(self.fields)
        return {**body, **self.extra}

    def in_openai_terms(self) -> "Problem":
        """Return the problem with an error as clients of OpenAI's API look for it."""
        error = {
            "message": self.detail,
            "type": _OPENAI_TYPES.get(
                self.status,
                "server_error" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _INVALID,
            ),
            "param": None,
            "code": self.code,
        }
        return replace(self, extra={**self.extra, "error": error})

    def response(self, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the whole HTTP answer."""
        extra = dict(headers or {})
        if self.status == HTTPStatus.UNAUTHORIZED:
            extra["WWW-Authenticate"] = self._challenge()
        if self.retry_after is not None:
            extra["Retry-After"] = str(self.retry_after)
        content = self._encoded(request_id)
        return _ProblemResponse(self.code, content, self.status, extra, media_type=MEDIA_TYPE)

    def _encoded(self, request_id: str) -> bytes:
        if self.fields or self.extra:
            return _json(self.body(request_id))
        # Under overload refusals are many, and differ in nothing but the id at their end.
        return _up_to_id(self.status, self.code, self.title, self.detail) + _json(request_id) + b"}"

    def _challenge(self) -> str:
        """Return how to sign in (RFC 6750, section 3); `error` only where something was sent."""
        if self.code == errors.Unauthenticated.code:
            return _REALM
        return f'{_REALM}, error="invalid_token", error_description="{self.code}"'


def _json(value: object) -> bytes:
    # The standard library escapes what is not ASCII, so even a lone surrogate can be answered.
    return json.dumps(value).encode("ascii")


@lru_cache(maxsize=64)
def _up_to_id(status: int, code: str, title: str, detail: str) -> bytes:
    """Return a problem's document up to the value of its last member, the id of the request."""
    return _json(Problem(status, code, title, detail).body("")).removesuffix(b'""}')


class _ProblemResponse(Response):
    """A problem on its way out, which leaves its code beside the request for the audit trail."""

    def __init__(
        self, code: str, content: bytes, status: int, headers: dict[str, str], *, media_type: str
    ) -> None:
        super().__init__(content, status, headers, media_type)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the problem."""
        scope.setdefault("state", {})["outcome"] = self._code
        await super().__call__(scope, receive, send)


def problem_of(error: Exception) -> Problem:
    """Return how `error` is told to a client; unknown errors keep their secrets."""
    if not isinstance(error, InfoAssistantError):
        return internal_problem()
    row = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    if row.internal:
        return internal_problem()
    wait = error.retry_after_s
    if wait is None and isinstance(error, (errors.Unavailable, errors.TooBusy)):
        wait = _DEFAULT_RETRY_AFTER_S
    return Problem(row.status, error.code, row.title, error.message, wait, extra=_extra(error))


def _extra(error: InfoAssistantError) -> dict[str, Any]:
    """Return what else helps the reader of an error."""
    if isinstance(error, errors.GenerationUnavailable):
        return _passages(error)
    if isinstance(error, errors.CacheOnlyMiss):
        return {"saved_questions": list(error.questions)}
    return {}


def _passages(error: errors.GenerationUnavailable) -> dict[str, Any]:
    """Return the quotes that help a reader for whom nothing could be written."""
    bodies = [citation_body(each, with_text=True) for each in error.passages]
    return {"passages": [each.model_dump(mode="json") for each in bodies]}


def internal_problem() -> Problem:
    """Return the problem of an error that is ours to mend."""
    row = TABLE[InfoAssistantError]
    return Problem(row.status, INTERNAL, row.title, _INTERNAL_DETAIL)


def http_problem(status: int) -> Problem:
    """Return the problem for a status that the web framework itself decided on."""
    phrase = HTTPStatus(status).phrase
    code, detail = HTTP_CODES.get(status, (phrase.lower().replace(" ", "_"), f"{phrase}."))
    return Problem(status, code, phrase, detail)


def validation_problem(found: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the problem for a request of the wrong shape; it never repeats what was sent."""
    fields = [
        {"field": _field(error["loc"]), "message": str(error["msg"])[:200]}
        for error in found[:_MOST_FIELD_ERRORS]
    ]
    named = "; ".join(f"{each['field']}: {each['message']}" for each in fields[:3])
    return Problem(
        422,
        "invalid_request",
        TABLE[errors.InvalidRequest].title,
        f"Some of what was sent is missing or of the wrong kind. {named}",
        fields=fields,
    )


def _field(location: Sequence[int | str]) -> str:
    """Return the dotted path of a field without the part of the request that it is in."""
    parts = location[1:] if len(location) > 1 else location
    return ".".join(str(part) for part in parts)[:_LONGEST_FIELD]
