"""What a request says about itself: who sends it, with which credentials, under which id."""

from collections.abc import Callable

from starlette.requests import Request

from info_assistant.errors import Forbidden
from info_assistant.model.identity import Caller, Role
from info_assistant.ports import Credentials

_BEARER = "bearer "


def credentials_of(header: Callable[[bytes], bytes]) -> Credentials:
    """Return what `Authorization: Bearer …`, `X-API-Key`, `Host` and `Origin` carry.

    `header` returns a header by its name in small letters.
    """
    given = header(b"authorization").decode("latin-1")
    bearer = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
    return Credentials(
        bearer=bearer,
        api_key=header(b"x-api-key").decode("latin-1").strip(),
        host=header(b"host").decode("latin-1"),
        origin=header(b"origin").decode("latin-1"),
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


def request_id_of(request: Request) -> str:
    """Return the id that the request goes by in answers, logs and the audit trail."""
    return str(request.scope["state"]["request_id"])
