"""Who is asking, and how often they may."""

from dataclasses import dataclass, field
from typing import Protocol

from info_assistant.model.identity import Caller
from info_assistant.model.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a rate leaves: of `limit` requests at once `remaining`, all again in `reset_s` s."""

    limit: int
    remaining: int
    reset_s: float


class RateLimiter(Protocol):
    """Decides whether a caller may ask now."""

    async def admit(self, caller: Caller, traffic: Traffic) -> Allowance | None:
        """Return what is left to a caller who may go on; None if nothing limits them.

        Raises RateLimited with the time to wait.
        """


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought to show who sends it, taken from its headers; never logged.

    `host` is the name that it asks us by, `origin` the website whose page made a browser send it.
    """

    bearer: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    host: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a good token says, as the identity provider words it.

    `tenant` is empty where tokens name none.
    """

    subject: str
    name: str = ""
    tenant: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class TokenVerifier(Protocol):
    """Knows the tokens of an identity provider."""

    async def verify(self, token: str) -> VerifiedToken:
        """Return what the token says. Raises Unauthenticated, IdentityProviderUnavailable."""


class Authenticator(Protocol):
    """Knows callers by their credentials."""

    async def caller(self, credentials: Credentials) -> Caller:
        """Return who is asking.

        Raises Unauthenticated, Forbidden, IdentityProviderUnavailable, ObjectStorageUnavailable.
        """
