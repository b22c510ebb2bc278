"""Stand-ins on loopback: an identity provider with a verifier at work, language models."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from tests.clocks import HandClock

from info_assistant.drills.issuer import Issuer, running_issuer
from info_assistant.drills.providers import ProviderThread
from info_assistant.drills.tokens import AUDIENCE
from info_assistant.errors import IdentityProviderUnavailable, Overloaded, Unauthenticated
from info_assistant.ports import SharedObject
from info_assistant.providers.oidc import OidcTokenVerifier, TokenRules
from info_assistant.providers.oidc_keys import IssuerKeys, KeyTiming
from info_assistant.resilience.tasks import BackgroundTasks

QUICK = KeyTiming(refresh_s=30, retry_s=0.1, gap_s=0.05, request_s=0.5, patience_s=2)

PATIENT = replace(QUICK, refresh_s=3600, request_s=60, patience_s=60)
"""For tests that are not about outages: a busy machine must not look like one."""


@dataclass(frozen=True)
class Door:
    """A verifier at work, with the keys and the clock behind it."""

    issuer: Issuer
    verifier: OidcTokenVerifier
    keys: IssuerKeys
    clock: HandClock

    async def refusal(self, token: str) -> str:
        """Return the code with which a token is refused, or "" if it is not."""
        try:
            await self.verifier.verify(token)
        except Unauthenticated as refused:
            return refused.code
        except (IdentityProviderUnavailable, Overloaded) as busy:
            return busy.code
        return ""


def now_clock() -> HandClock:
    """Return a clock that stands at the present moment."""
    clock = HandClock()
    clock.at = datetime.fromtimestamp(time.time(), UTC)
    return clock


@asynccontextmanager
async def a_door(
    issuer: Issuer,
    *,
    rules: TokenRules | None = None,
    timing: KeyTiming = QUICK,
    saved: SharedObject | None = None,
) -> AsyncIterator[Door]:
    """Run a verifier of the issuer's tokens."""
    clock = now_clock()
    keys = IssuerKeys(issuer.url, clock, saved=saved, timing=timing)
    rules = rules or TokenRules(issuer.url, AUDIENCE)
    async with BackgroundTasks({"keys": keys.run}):
        yield Door(issuer, OidcTokenVerifier(rules, keys, clock), keys, clock)
    await keys.close()


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[Issuer]:
    """Return an issuer whose keys nobody changes."""
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def providers() -> Iterator[ProviderThread]:
    """Return a thread that runs stand-ins for providers of language models."""
    thread = ProviderThread()
    yield thread
    thread.stop()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Return an issuer of the test's own."""
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
async def door(shared_issuer: Issuer) -> AsyncIterator[Door]:
    """Return a verifier of the shared issuer's tokens that has the keys.

    Hypothesis runs the loop only within an example, so a fetch of keys could not end in time there.
    """
    async with a_door(shared_issuer, timing=PATIENT) as opened:
        assert await opened.refusal(shared_issuer.tokens.access_token()) == ""
        yield opened
