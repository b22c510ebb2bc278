"""The identity provider as the page sees it: the authorization code flow with PKCE.

OpenID Connect Core 1.0 with RFC 7636; the exchange is Authlib's, signatures are joserfc's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from pydantic import AfterValidator

from info_assistant.errors import IdentityProviderUnavailable, Unauthenticated
from info_assistant.model.loopback import is_loopback
from info_assistant.web.attempts import Attempt
from info_assistant.web.replies import Reply

_log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
"""What an id token may be signed with: public keys only, and never nothing."""

CLOCK_SKEW_S = 60
"""How far the provider's clock may be from ours."""

_TIMEOUT_S = 5.0
_WHOLE_TIMEOUT_S = 10.0
# Asked anew for almost every sign-in, so that an outage is told here, and not by the browser.
_METADATA_LIFE_S = 5.0
_RETRY_S = 30.0
_DEFAULT_LIFE_S = 3600


@dataclass(frozen=True, slots=True)
class OidcClient:
    """What the page is at the provider `issuer`. Without a secret it is a public client."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: str = "openid profile"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the provider says at the end. `expires_at` is in seconds since 1970."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    subject: str
    name: str
    expires_at: float


def _safe_address(url: str) -> str:
    """Return `url`, which must be https, or on this machine."""
    parts = urlsplit(url)
    safe = parts.scheme == "https" or is_loopback(parts.hostname)
    if safe and parts.scheme.startswith("http") and url.isascii() and url.isprintable():
        return url
    message = "an address of the provider is neither https nor on this machine"
    raise ValueError(message)


_Address = Annotated[str, AfterValidator(_safe_address)]


class _Metadata(Reply):
    """What the provider says about itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: _Address
    token_endpoint: _Address
    jwks_uri: _Address
    end_session_endpoint: _Address | None = None


class _Tokens(Reply):
    """What a code buys."""

    access_token: str
    id_token: str
    expires_in: int | None = None


class Provider:
    """A client of the provider.

    Every method raises IdentityProviderUnavailable when it does not answer, or not sensibly.
    """

    def __init__(self, client: OidcClient, clock: Callable[[], float] = time.time) -> None:
        """Be `client`."""
        self._client = client
        self._clock = clock
        self._metadata: tuple[float, _Metadata] | None = None
        local = is_loopback(urlsplit(client.issuer).hostname)
        # Made once: reading all the authorities that we trust takes longer than a request.
        self._options = {
            "verify": httpx2.create_ssl_context(),
            "timeout": _TIMEOUT_S,
            # A proxy leads to the internet, and not to this machine.
            "trust_env": not local,
        }

    async def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Return where the browser is to go."""
        async with self._session(redirect_uri) as session:
            metadata = await self._discover(session)
            url, _ = session.create_authorization_url(
                metadata.authorization_endpoint,
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
            )
        return str(url)

    async def redeem(self, code: str, attempt: Attempt, redirect_uri: str) -> SignedIn:
        """Exchange `code` for tokens and check them.

        Raises Unauthenticated with the code `sign_in_refused` where the provider does not take the
        code, and `sign_in_untrusted` where its id token does not hold.
        """
        async with self._session(redirect_uri) as session:
            metadata = await self._discover(session)
            try:
                reply = _Tokens.model_validate(
                    await session.fetch_token(
                        metadata.token_endpoint, code=code, code_verifier=attempt.verifier
                    )
                )
            except OAuthError as exc:
                _log.warning("sign_in_code_refused", error=str(exc.error)[:100])
                raise Unauthenticated(
                    "The sign-in service did not accept this sign-in.", code="sign_in_refused"
                ) from exc
            key_set = (await _fetch(session, metadata.jwks_uri)).json()
        claims = self._checked(reply, key_set, attempt)
        return SignedIn(
            reply.access_token,
            reply.id_token,
            str(claims["sub"]),
            str(claims.get("name") or claims.get("preferred_username") or claims["sub"]),
            self._clock() + (_DEFAULT_LIFE_S if reply.expires_in is None else reply.expires_in),
        )

    async def end_session_url(self, id_token: str, return_to: str) -> str:
        """Return where the browser is to go to sign out there too; "" if there is no such place."""
        async with self._session() as session:
            metadata = await self._discover(session)
        if not metadata.end_session_endpoint:
            return ""
        asked = {"client_id": self._client.client_id, "post_logout_redirect_uri": return_to}
        if id_token:
            asked["id_token_hint"] = id_token
        separator = "&" if "?" in metadata.end_session_endpoint else "?"
        return metadata.end_session_endpoint + separator + urlencode(asked)

    def is_issuer(self, name: str | None) -> bool:
        """Whether `name`, where an answer states one, is the provider's own (RFC 9207)."""
        return name is None or name == self._client.issuer

    @asynccontextmanager
    async def _session(self, redirect_uri: str = "") -> AsyncIterator[AsyncOAuth2Client]:
        """Allow one conversation with the provider, and turn its failures into ours."""
        try:
            async with (
                asyncio.timeout(_WHOLE_TIMEOUT_S),
                AsyncOAuth2Client(
                    self._client.client_id,
                    self._client.client_secret or None,
                    scope=self._client.scopes,
                    redirect_uri=redirect_uri,
                    code_challenge_method="S256",
                    **self._options,
                ) as session,
            ):
                yield session
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as exc:
            # Both a JSON error and a validation error are ValueErrors; neither is shown, because
            # the reply that they quote can hold a token.
            _log.warning("identity_provider_failed", error=type(exc).__name__)
            raise IdentityProviderUnavailable(
                "The service where people sign in does not answer.", retry_after_s=_RETRY_S
            ) from None

    async def _discover(self, session: AsyncOAuth2Client) -> _Metadata:
        """Return the provider's metadata, a few seconds old at most."""
        now = self._clock()
        if self._metadata is not None and now - self._metadata[0] < _METADATA_LIFE_S:
            return self._metadata[1]
        address = self._client.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = _Metadata.model_validate_json((await _fetch(session, address)).content)
        if metadata.issuer != self._client.issuer:
            _log.error("identity_provider_has_another_name", named=metadata.issuer[:200])
            raise ValueError(metadata.issuer)
        self._metadata = (now, metadata)
        return metadata

    def _checked(
        self, reply: _Tokens, key_set: KeySetSerialization, attempt: Attempt
    ) -> CodeIDToken:
        """Return the claims of the id token. Raises Unauthenticated if any check fails."""
        try:
            token = jwt.decode(
                reply.id_token,
                KeySet.import_key_set(key_set),
                algorithms=ALGORITHMS,
            )
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self._client.issuer},
                    "aud": {"essential": True, "value": self._client.client_id},
                },
                {
                    "nonce": attempt.nonce,
                    "client_id": self._client.client_id,
                    "access_token": reply.access_token,
                },
            )
            claims.validate(now=self._clock(), leeway=CLOCK_SKEW_S)
        except (JoseError, ValueError, TypeError, KeyError) as exc:
            _log.warning("id_token_refused", error=type(exc).__name__)
            raise Unauthenticated(
                "What the sign-in service says about you could not be verified.",
                code="sign_in_untrusted",
            ) from None
        return claims


async def _fetch(session: AsyncOAuth2Client, address: str) -> httpx2.Response:
    """Return what is at a public address of the provider; our own token stays here."""
    reply: httpx2.Response = await session.request("GET", address, withhold_token=True)
    return reply.raise_for_status()
