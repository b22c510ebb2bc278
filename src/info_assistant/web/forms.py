"""Reading forms: from our own pages only, of bounded size, in bounded time."""

import asyncio
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import Message

from info_assistant.errors import InfoAssistantError, InvalidRequest, PayloadTooLarge

MAX_FORM_BYTES = 64 * 1024
"""How large a submitted form may be."""

_ARRIVAL_S = 10.0
# A browser shows our page rather than a broken connection only if it could send all it had.
_DRAINED_BYTES = 4 * 1024 * 1024


class CrossSite(InvalidRequest):
    """The form was sent by another website."""

    code = "cross_site"


class BodyLate(InfoAssistantError):
    """The form did not arrive in time."""

    code = "request_timeout"


class FormOutdated(InvalidRequest):
    """The form is from before its sender signed in, or not from their session at all."""

    code = "form_outdated"


def check_origin(request: Request) -> None:
    """Return if a browser sent this form from our own page, or if no browser sent it.

    Raises CrossSite. Browsers add these headers by themselves, and no page can forge them.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise CrossSite("The form was sent from another website.")
        return
    origin = request.headers.get("origin")
    # Hosts only are compared: before a proxy that ends TLS, the scheme differs from ours.
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise CrossSite("The form was sent from another website.")


def check_csrf(form: Mapping[str, str], expected: str) -> None:
    """Return if the form carries what the session's own forms do. Raises FormOutdated."""
    if not hmac.compare_digest(form.get("csrf", "").encode(errors="replace"), expected.encode()):
        raise FormOutdated("The form does not belong to the present session.")


async def read_form(request: Request, *, most_fields: int = 10) -> Mapping[str, str]:
    """Return the fields as they were typed, without files. Raises PayloadTooLarge, BodyLate."""
    try:
        async with asyncio.timeout(_ARRIVAL_S):
            body = await _bounded_body(request)
    except TimeoutError as exc:
        raise BodyLate("The form did not arrive in time.") from exc

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    replayed = Request(request.scope, replay)
    async with replayed.form(
        max_files=1, max_fields=most_fields, max_part_size=MAX_FORM_BYTES
    ) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    # Forms carry line breaks as CRLF; a question has them as its reader sees them.
    return {name: value.replace("\r\n", "\n") for name, value in fields.items()}


async def _bounded_body(request: Request) -> bytes:
    """Return the body, which is at most MAX_FORM_BYTES long. Raises PayloadTooLarge."""
    kept = bytearray()
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen <= MAX_FORM_BYTES:
            kept += chunk
        elif seen > _DRAINED_BYTES:
            break
    if seen > MAX_FORM_BYTES:
        raise PayloadTooLarge("The form is too large.")
    return bytes(kept)
