"""What a request says about itself: who sends it, with which credentials, under which id."""

from collections.abc import Mapping

from starlette.requests import Request

from info_assistant.errors import Forbidden
from info_assistant.model.identity import Caller, Role
from info_assistant.ports import Credentials

_BEARER = "bearer "


def credentials_of(headers: Mapping[bytes, bytes]) -> Credentials:
    """Return what `Authorization: Bearer …`, `X-API-Key`, `Host` and `Origin` carry.

    `headers` has each by its name in small letters.
    """
    given = headers.get(b"authorization", b"").decode("latin-1")
    bearer = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
    return Credentials(
        bearer=bearer,
        api_key=headers.get(b"x-api-key", b"").decode("latin-1").strip(),
        host=headers.get(b"host", b"").decode("latin-1"),
        origin=headers.get(b"origin", b"").decode("latin-1"),
    )


def require_role(caller: Caller, needed: Role) -> None:
    """Return if the caller's role is enough. Raises Forbidden."""
    if not caller.role.includes(needed):
        raise Forbidden(
            f"This needs the role {needed.value!r}; yours is {caller.role.value!r}. Ask the people "
            "who run this service if you should have it."
        )


def caller_of(request: Request) -> Caller:
    """Return who sent the request, as the gateway found out."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def headers_of(request: Request) -> Mapping[bytes, bytes]:
    """Return the headers of the request as they were sent, by their names in small letters.

    Of one that is there twice this is the first.
    """
    headers: Mapping[bytes, bytes] = request.scope["state"]["headers"]
    return headers


def body_of(request: Request) -> bytes:
    """Return the body of a request, which the gateway has read; not for uploads, which are long."""
    body: bytes = request.scope["state"]["body"]
    return body


def request_id_of(request: Request) -> str:
    """Return the id that the request goes by in answers, logs and the audit trail."""
    return str(request.scope["state"]["request_id"])
