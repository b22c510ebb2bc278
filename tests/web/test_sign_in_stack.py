"""Signing in before the real backend: every part of the way, as processes of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import httpx2
import pytest
from tests.web.conftest import Page
from tests.web.signing_in import SECRET, ask, browsing, go_to_provider, heading, sign_in

from info_assistant.drills.issuer import CLIENT_ID, Issuer, Outage, running_issuer

if TYPE_CHECKING:
    from tests.conftest import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.model]


@pytest.fixture
def signing_stack(
    start_stack: "Callable[..., AbstractContextManager[RunningStack]]",
    monkeypatch: pytest.MonkeyPatch,
) -> "Iterator[tuple[RunningStack, Issuer]]":
    """Yield a stack without documents at which people sign in, and where they do so."""
    with running_issuer() as issuer:
        settings = {
            "AUTH": "oidc",
            "OIDC_ISSUER": issuer.url,
            "OIDC_AUDIENCE": issuer.tokens.audience,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "SESSION_SECRET": SECRET,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with start_stack("--no-samples") as stack:
            yield stack, issuer


async def test_people_sign_in_and_ask(
    signing_stack: "tuple[RunningStack, Issuer]",
) -> None:
    """A reader asks in their own name, somebody without a role is told, a stranger gets nothing.

    When the provider's keys change, and when it is down, nobody who is signed in notices.
    """
    stack, issuer = signing_stack
    async with browsing(stack.frontend_url) as reader:
        form = await sign_in(reader, "reader")
        assert Page(form).words(".visitor p") == "Signed in as Rosa Lindqvist"
        issuer.tokens.rotate()
        answered = await ask(reader, form, "How many days of leave are there?")
        assert answered.status_code == 200
        assert Page(answered).words("#result") == "Not in these documents"
        async with browsing(stack.frontend_url) as visitor:
            refused = await visitor.get(await go_to_provider(visitor, "visitor"))
            assert refused.status_code == 403
            assert heading(refused) == "This is not open to you"
        issuer.outage = Outage.REFUSES
        assert (await ask(reader, form, "And of sick leave?")).status_code == 200
    async with httpx2.AsyncClient(base_url=stack.backend_url, trust_env=False) as stranger:
        assert (await stranger.post("/v1/query", json={"question": "Me?"})).status_code == 401
