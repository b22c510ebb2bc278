"""Signing out, here and at the identity provider."""

from starlette.requests import Request
from starlette.responses import Response

from info_assistant.errors import IdentityProviderUnavailable
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.provider import Provider
from info_assistant.web.sign_in import Reception
from info_assistant.web.visits import Session, stranger


class SignOut:
    """Ends sessions."""

    def __init__(self, reception: Reception, provider: Provider | None) -> None:
        """End sessions of `reception`, and those at `provider`."""
        self._reception = reception
        self._provider = provider

    async def visit(self, request: Request) -> Response:
        """Forget the session, and lead on to the provider so that it does the same.

        Raises CrossSite, FormOutdated, PayloadTooLarge, BodyLate.
        """
        check_origin(request)
        form = await read_form(request)
        sessions = self._reception.sessions
        visit = sessions.visit(request)
        session = visit.session or visit.past
        if session is not None:
            check_csrf(form, session.csrf)
        onward, reachable = await self._onward(request, session)
        context = {"here": "", "onward": onward, "reachable": reachable}
        response = self._reception.renderer.page(
            "signed_out.html", context, visit=stranger(request)
        )
        if onward:
            # A redirect would break the page's own policy that forms lead nowhere else.
            response.headers["Refresh"] = f"0; url={onward}"
        sessions.end(request, response)
        sessions.drop_draft(request, response)
        return response

    async def _onward(self, request: Request, session: Session | None) -> tuple[str, bool]:
        """Return where the provider ends its session ("" for nowhere), and whether it answers."""
        if session is None or self._provider is None:
            return "", True
        home = self._reception.config.base_url(request) + "/"
        try:
            return await self._provider.end_session_url(session.id_token, home), True
        except IdentityProviderUnavailable:
            return "", False
