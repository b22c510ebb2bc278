"""Checks access tokens of an OpenID Connect provider (RFC 7519, RFC 8725, RFC 9068).

Nothing that a token says is believed before its signature holds. Its claims are looked at earlier,
but only to refuse: a token that is not for us or too old asks nobody for keys.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry

from info_assistant.errors import Unauthenticated
from info_assistant.ports import Clock, VerifiedToken
from info_assistant.providers.oidc_keys import IssuerKeys

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""How tokens may be signed. The last is what RFC 9864 calls EdDSA with this curve."""

SKEW_S = 60
"""By how much clocks may differ."""

LONGEST_TOKEN = 16 * 1024
"""In characters; web servers allow headers little more."""

_REMEMBERED_S = 60.0
_MOST_REMEMBERED = 10_000
_LONGEST_SUBJECT, _LONGEST_NAME = 255, 200
_HEADER_TYPES = frozenset({"jwt", "at+jwt"})
_PAYLOAD_TYPES = frozenset({"bearer", "jwt", "at+jwt"})
_MALFORMED = (JoseError, ValueError, TypeError, AttributeError, RecursionError)


class _Algorithms(JWSRegistry):
    """The algorithms that we accept: signatures with a public key, never `none`, never a secret.

    The library warns of the name EdDSA each time, which most providers still use.
    """

    def get_alg(self, name: str) -> Any:  # noqa: ANN401  The library's type is private.
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


_REGISTRY = _Algorithms(strict_check_header=False)
_REGISTRY.max_header_length = 8 * 1024  # Some providers send a chain of certificates along.
_REGISTRY.max_payload_length = LONGEST_TOKEN


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens are good, for whom they must be, and which claims say what.

    The names of claims may lead into nested ones by dots. With `tenant` empty, tokens name none.
    """

    issuer: str
    audience: str
    roles: str = "roles"
    groups: str = "groups"
    tenant: str = ""


class OidcTokenVerifier:
    """ports.TokenVerifier for the tokens of one issuer."""

    def __init__(self, rules: TokenRules, keys: IssuerKeys, clock: Clock) -> None:
        """Accept tokens by `rules`, signed with one of `keys`."""
        self._rules = rules
        self._keys = keys
        self._clock = clock
        self._remembered: OrderedDict[bytes, tuple[VerifiedToken, datetime]] = OrderedDict()
        self._claims = JWTClaimsRegistry(
            now=lambda: int(clock.now().timestamp()),
            leeway=SKEW_S,
            iss={"essential": True, "value": rules.issuer},
            aud={"essential": True, "value": rules.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def verify(self, token: str) -> VerifiedToken:
        """Return what the token says. Raises Unauthenticated, IdentityProviderUnavailable."""
        if len(token) > LONGEST_TOKEN:
            raise _invalid(f"it has more than {LONGEST_TOKEN} characters")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None and self._clock.now() < known[1]:
            return known[0]
        parsed = _parsed(token)
        claims = self._check_claims(_claims_of(parsed))
        _check_kind(parsed.headers(), claims)
        await self._check_signature(parsed)
        verified = self._words_of(claims)
        self._remember(digest, verified, claims)
        return verified

    def _check_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Return the claims if they are for us and for now. Raises Unauthenticated."""
        try:
            self._claims.validate(claims)
        except ExpiredTokenError as exc:
            raise Unauthenticated(
                "Your sign-in has expired. Please sign in again.", code="token_expired"
            ) from exc
        except ClaimError as exc:
            if "aud" in exc.claim.split(","):
                raise Unauthenticated(
                    "The token is meant for another service. It needs the audience "
                    f"{self._rules.audience!r}.",
                    code="wrong_audience",
                ) from exc
            raise _invalid(f"its claim {exc.claim!r} is missing or not as it must be") from exc
        return claims

    async def _check_signature(self, parsed: CompactSignature) -> None:
        """Return if the issuer signed it. Raises Unauthenticated, IdentityProviderUnavailable."""
        for key in await self._keys.find(parsed.headers().get("kid")):
            try:
                # Also refuses a key that is not meant for this algorithm.
                if validate_compact(parsed, key, registry=_REGISTRY):
                    return
            except _MALFORMED:
                continue
        raise _invalid("it was not signed by the identity provider")

    def _words_of(self, claims: Mapping[str, Any]) -> VerifiedToken:
        """Return what the product needs to know. Raises Unauthenticated."""
        subject = claims["sub"]
        if not subject or len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
            raise _invalid("its subject is empty, too long, or not printable")
        tenants = _texts(claims, self._rules.tenant) if self._rules.tenant else ("",)
        if len(tenants) != 1:
            raise _invalid(f"its claim {self._rules.tenant!r} does not name one tenant")
        names = (claims.get(each) for each in ("name", "preferred_username", "email"))
        name = next((each for each in names if isinstance(each, str) and each.strip()), "")
        return VerifiedToken(
            subject=subject,
            name="".join(each for each in name if each.isprintable()).strip()[:_LONGEST_NAME],
            tenant=tenants[0],
            roles=_texts(claims, self._rules.roles),
            groups=_texts(claims, self._rules.groups),
        )

    def _remember(self, digest: bytes, verified: VerifiedToken, claims: Mapping[str, Any]) -> None:
        """Keep the result for a minute, or until the token expires where that is sooner."""
        now = self._clock.now()
        # Compared before it is a float: a whole number may be too large to become one.
        until = min(claims["exp"] + SKEW_S, now.timestamp() + _REMEMBERED_S)
        self._remembered[digest] = (verified, datetime.fromtimestamp(until, UTC))
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)


def _parsed(token: str) -> CompactSignature:
    """Return the token taken apart, its header checked. Raises Unauthenticated."""
    try:
        parsed = extract_compact(token.encode("ascii"), registry=_REGISTRY)
        header = parsed.headers()
        _REGISTRY.check_header(header)
        _REGISTRY.get_alg(header["alg"])
    except UnsupportedAlgorithmError as exc:
        raise _invalid(f"it must be signed with one of {', '.join(ALGORITHMS)}") from exc
    except _MALFORMED as exc:
        raise _invalid("it is no signed JWT") from exc
    # We know no extension that could be critical; `b64` would change what is signed (RFC 7797).
    if "crit" in header or "b64" in header:
        raise _invalid("it uses an extension that is not known here")
    return parsed


def _claims_of(parsed: CompactSignature) -> dict[str, Any]:
    try:
        claims = json.loads(parsed.payload)
    except (ValueError, RecursionError) as exc:
        raise _invalid("its claims are no JSON") from exc
    if not isinstance(claims, dict):
        raise _invalid("its claims are no JSON object")
    return claims


def _check_kind(header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Return if this is an access token. Raises Unauthenticated.

    RFC 9068 names the type in the header, Keycloak in a claim; ID tokens tell themselves by claims
    that only they have (OpenID Connect Core 1.0, sections 2 and 3.1.3.6).
    """
    kind = str(header.get("typ", "jwt")).lower().removeprefix("application/")
    inner = str(claims.get("typ", "bearer")).lower()
    is_id_token = kind == "jwt" and (
        bool(claims.keys() & {"at_hash", "c_hash"})
        or ("nonce" in claims and not claims.keys() & {"scope", "scp"})
    )
    if kind not in _HEADER_TYPES or inner not in _PAYLOAD_TYPES or is_id_token:
        raise _invalid("it is no access token but one of another kind")


def _texts(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Return the words under a claim, be it one or a list; none where there is no such claim."""
    found: Any = claims
    if path in claims:
        found = claims[path]
    else:
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    words = found if isinstance(found, list) else [found]
    return tuple(word for word in words if isinstance(word, str) and word)


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"The token cannot be accepted: {why}. Please sign in again.", code="invalid_token"
    )
