"""A sign-in that has begun, and where it may lead."""

import secrets
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

ATTEMPT_LIFE_S = 600
"""How long somebody may take to sign in."""

_LONGEST_PATH = 2000


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the end of a sign-in must match. `until` is in seconds since 1970.

    `state` ties it to this browser, `nonce` the id token and `verifier` the code to it.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    return_to: str
    until: float

    @classmethod
    def begin(cls, return_to: str, now: float) -> Self:
        """Return a new attempt, which leads to `return_to` if that is a page of ours."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, own_path(return_to), now + ATTEMPT_LIFE_S)


def own_path(wanted: str) -> str:
    """Return `wanted` if it is an address on this very site, else the first page.

    Browsers take a backslash for a slash and skip control characters, so either could make another
    site's address out of what looks like a path.
    """
    plain = wanted.isprintable() and "\\" not in wanted and " " not in wanted
    if not plain or len(wanted) > _LONGEST_PATH or not wanted.startswith("/"):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    if wanted.startswith("//") or parts.scheme or parts.netloc or parts.path.startswith("/sign-"):
        return "/"
    return wanted
