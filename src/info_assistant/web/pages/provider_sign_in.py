"""Signing in at the identity provider: there and back."""

import structlog
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from info_assistant.errors import InfoAssistantError, Unauthenticated
from info_assistant.web.attempts import Attempt
from info_assistant.web.backend import BackendProblem
from info_assistant.web.failures import failure, failure_page
from info_assistant.web.provider import Provider
from info_assistant.web.sign_in import CALLBACK, Reception
from info_assistant.web.visits import Session, stranger

_log = structlog.get_logger(__name__)

_LONGEST_CODE = 4096
_SEE_OTHER = 303
_UNAUTHENTICATED = 401


class ProviderSignIn:
    """Sends browsers to the provider, and takes in those who come back."""

    def __init__(self, reception: Reception, provider: Provider) -> None:
        """Let in by way of `reception` whom `provider` vouches for."""
        self._reception = reception
        self._provider = provider

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider.

        Raises IdentityProviderUnavailable, and BackendProblem during maintenance.
        """
        sessions = self._reception.sessions
        await self._reception.maintenance.require_open(sessions.visit(request))
        attempt = Attempt.begin(request.query_params.get("return_to", "/"), sessions.clock())
        url = await self._provider.authorization_url(attempt, self._callback_url(request))
        response = RedirectResponse(url, _SEE_OTHER)
        sessions.keep_attempt(request, response, attempt)
        return response

    async def complete(self, request: Request) -> Response:
        """Return to where the sign-in began, or say why it failed; it counts once either way."""
        state = request.query_params.get("state", "")
        try:
            response = await self._completed(request, state)
        except (InfoAssistantError, BackendProblem) as exc:
            found = failure(_explained(exc), request.state.request_id)
            _log.warning("sign_in_failed", code=found.code, request_id=found.request_id)
            response = failure_page(self._reception.renderer, found, visit=stranger(request))
        self._reception.sessions.drop_attempt(request, response, state)
        return response

    async def _completed(self, request: Request, state: str) -> Response:
        """Return to where the sign-in began. Raises why it failed."""
        answer = request.query_params
        attempt = self._reception.sessions.attempt(request, state)
        if attempt is None:
            raise Unauthenticated(
                "The sign-in was not begun in this browser, is complete already, or took too long.",
                code="sign_in_unknown",
            )
        code = self._code(answer)
        signed_in = await self._provider.redeem(code, attempt, self._callback_url(request))
        session = Session(
            "oidc",
            signed_in.access_token,
            subject=signed_in.subject,
            name=signed_in.name,
            organisation="",
            expires_at=signed_in.expires_at,
            id_token=signed_in.id_token,
        )
        return await self._reception.admit(request, attempt, session)

    def _code(self, answer: QueryParams) -> str:
        """Return the code that the provider sends. Raises Unauthenticated if it sends none."""
        if not self._provider.is_issuer(answer.get("iss")):
            raise Unauthenticated("Another provider answers.", code="sign_in_untrusted")
        code = answer.get("code", "")
        if answer.get("error") == "access_denied":
            raise Unauthenticated("The provider let nobody in.", code="sign_in_denied")
        if "error" in answer or not 0 < len(code) <= _LONGEST_CODE:
            raise Unauthenticated("The provider reports an error.", code="sign_in_refused")
        return code

    def _callback_url(self, request: Request) -> str:
        return self._reception.config.base_url(request) + CALLBACK


def _explained(error: InfoAssistantError | BackendProblem) -> InfoAssistantError | BackendProblem:
    """Return `error`; but a new token that the backend does not take is no matter of the reader."""
    if isinstance(error, BackendProblem) and error.status == _UNAUTHENTICATED:
        _log.error("new_token_refused_by_backend", code=error.code, request_id=error.request_id)
        return Unauthenticated(
            "The backend does not accept the provider's tokens.", code="sign_in_not_accepted"
        )
    return error
