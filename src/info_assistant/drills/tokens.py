"""Tokens of an invented identity provider: good ones, and every kind of bad one."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, KeySetSerialization, OKPKey, RSAKey

from info_assistant.model.identity import DEFAULT_TENANT

TOKEN_LIFE_S = 3600
"""How long a token is good for unless told otherwise."""

ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519")
"""What this provider can sign with."""

AUDIENCE = "info-assistant-api"
"""Who access tokens are for unless told otherwise."""

_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person. `login` is what they type, `roles` and `groups` are claims of theirs."""

    login: str
    name: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tenant: str = DEFAULT_TENANT

    @property
    def subject(self) -> str:
        """Their stable identifier."""
        return f"drill|{self.login}"

    @property
    def claims(self) -> dict[str, Any]:
        """What tokens say about them."""
        return {
            "sub": self.subject,
            "name": self.name,
            "preferred_username": self.login,
            "roles": list(self.roles),
            "groups": list(self.groups),
            "tenant": self.tenant,
        }


PEOPLE = (
    Person("reader", "Rosa Lindqvist", ("reader",), ("staff",)),
    Person("contributor", "Kwame Okafor", ("contributor",), ("staff", "human-resources")),
    Person("operator", "Oona Petrova", ("operator",), ("staff", "it")),
    Person("visitor", "Vida Moreau"),
    Person("neighbour", "Nils Haugen", ("reader",), ("staff",), "neighbour"),
)
"""One person for each role, one without any, and one of another tenant."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """What one generation of tokens is signed with."""

    rsa: RSAKey
    ec: ECKey
    okp: OKPKey

    @classmethod
    def generate(cls) -> "_Keys":
        return cls(
            RSAKey.generate_key(_RSA_BITS, {"use": "sig"}, auto_kid=True),
            ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True),
            OKPKey.generate_key("Ed25519", {"use": "sig"}, auto_kid=True),
        )

    def for_algorithm(self, algorithm: str) -> RSAKey | ECKey | OKPKey:
        if algorithm.startswith(("RS", "PS")):
            return self.rsa
        return self.ec if algorithm.startswith("ES") else self.okp

    def all(self) -> Sequence[RSAKey | ECKey | OKPKey]:
        return (self.rsa, self.ec, self.okp)


class TokenMint:
    """Signs tokens with its present keys, and publishes the public half of them.

    In every method `claims` are added to those that a good token has; None takes a claim away.
    """

    def __init__(
        self, issuer: str, *, audience: str = AUDIENCE, clock: Callable[[], float] = time.time
    ) -> None:
        """Sign in the name of `issuer`, for `audience`."""
        self.issuer = issuer
        self.audience = audience
        self._clock = clock
        self._keys = _Keys.generate()
        self._published = list(self._keys.all())

    @property
    def key_set(self) -> KeySetSerialization:
        """The public keys, as the provider publishes them."""
        return KeySet(list(self._published)).as_dict(private=False)

    def rotate(self, *, keep_old: bool = True) -> None:
        """Sign with new keys from now on; the old ones stay published unless told otherwise."""
        self._keys = _Keys.generate()
        self._published = [*(self._published if keep_old else ()), *self._keys.all()]

    def claims(self, person: Person, **changes: object) -> dict[str, Any]:
        """Return the claims of a good access token for `person`, changed by `changes`."""
        now = int(self._clock())
        good = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFE_S,
            "jti": secrets.token_hex(8),
            **person.claims,
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def access_token(
        self, person: Person = PEOPLE[0], algorithm: str = "RS256", **claims: object
    ) -> str:
        """Return an access token, good unless `claims` spoil it."""
        return self.sign(self.claims(person, **claims), algorithm, {"typ": "at+jwt"})

    def id_token(self, person: Person, client_id: str, **claims: object) -> str:
        """Return what tells the client `client_id` who has signed in."""
        about = {"aud": client_id, "roles": None, "groups": None, "tenant": None}
        return self.sign(self.claims(person, **(about | claims)))

    def sign(
        self,
        claims: Mapping[str, Any],
        algorithm: str = "RS256",
        header: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a token with exactly these claims, and `header` over the header it would have."""
        key = self._keys.for_algorithm(algorithm)
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        return jwt.encode(head, dict(claims), key, algorithms=[algorithm])

    def unsigned(self, person: Person = PEOPLE[0], **claims: object) -> str:
        """Return a token that says `alg: none` and has no signature."""
        return _encoded({"alg": "none", "typ": "at+jwt"}, self.claims(person, **claims)) + "."

    def signed_with_public_key(self, person: Person = PEOPLE[0], **claims: object) -> str:
        """Return a token whose HS256 secret is the public RSA key that everybody knows."""
        head = {"alg": "HS256", "typ": "at+jwt", "kid": self._keys.rsa.kid}
        body = _encoded(head, self.claims(person, **claims))
        secret = self._keys.rsa.as_pem(private=False)
        return f"{body}.{_b64(hmac.digest(secret, body.encode(), hashlib.sha256))}"

    def forged(self, person: Person = PEOPLE[0], **claims: object) -> str:
        """Return a token signed with a key of somebody else's, under the name of a real one."""
        stranger = RSAKey.generate_key(_RSA_BITS)
        head = {"alg": "RS256", "typ": "at+jwt", "kid": self._keys.rsa.kid}
        return jwt.encode(head, self.claims(person, **claims), stranger, algorithms=["RS256"])


def _encoded(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
