"""The caller of an installation without sign-in."""

from functools import lru_cache
from urllib.parse import urlsplit

from info_assistant.errors import Forbidden
from info_assistant.model.identity import LOCAL_OPERATOR, Caller
from info_assistant.model.loopback import is_loopback
from info_assistant.ports import Credentials


class LocalOperatorAuthenticator:
    """ports.Authenticator for `AUTH=none`: whoever reaches the loopback address is the operator.

    Pages of other websites reach it too, through the browser of somebody at this machine. They give
    themselves away: a browser names the page's origin when it sends a form, and the host that it
    was asked for, which is the website's own where that has turned its name into our address (DNS
    rebinding).
    """

    async def caller(self, credentials: Credentials) -> Caller:
        """Return the operator of this machine. Raises Forbidden for what a website sends."""
        if credentials.host and not is_loopback(_name_in(credentials.host)):
            raise Forbidden(
                "Without sign-in (AUTH=none) this service is asked as localhost or 127.0.0.1 only, "
                "so that no website can ask it under a name of its own. Use one of these, or set "
                "AUTH to keys or oidc."
            )
        if credentials.origin and credentials.origin.partition("://")[2] != credentials.host:
            raise Forbidden(
                "This request comes from the page of another website. Without sign-in (AUTH=none) "
                "only programs on this machine are answered; set AUTH to keys or oidc for others."
            )
        return LOCAL_OPERATOR


@lru_cache(maxsize=64)
def _name_in(host: str) -> str | None:
    """Return the name in a `Host` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
