"""What a request says about itself: who sends it, with which credentials, under which id."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from info_assistant.errors import Forbidden
from info_assistant.model.identity import Caller, Role
from info_assistant.ports import Credentials

_BEARER = "bearer "


def credentials_of(scope: Scope) -> Credentials:
    """Return what `Authorization: Bearer …`, `X-API-Key`, `Host` and `Origin` carry."""
    headers = Headers(scope=scope)
    given = headers.get("authorization", "")
    bearer = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
    return Credentials(
        bearer=bearer,
        api_key=headers.get("x-api-key", "").strip(),
        host=headers.get("host", ""),
        origin=headers.get("origin", ""),
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
