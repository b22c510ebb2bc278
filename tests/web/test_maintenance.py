"""The page while operators have closed the service."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from starlette.responses import JSONResponse, Response
from tests.conftest import allowed
from tests.web.conftest import DOCUMENT, PAGE_URL, Page, ScriptedBackend, problem
from tests.web.signing_in import SECRET

from info_assistant.web import condition
from info_assistant.web.app import create_frontend
from info_assistant.web.sign_in import SignInConfig

WORDS = "We move the <b>index</b>. Back at noon."


def close(backend: ScriptedBackend, *, minutes: float | None = None) -> None:
    """Close the service, for so many minutes if that is known."""
    until = None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
    mode = {"name": "MAINTENANCE_MODE", "value": True, "source": "switch"}
    mode["expires_at"] = until.isoformat() if until else None
    words = {"name": "MAINTENANCE_MESSAGE", "value": WORDS, "source": "switch", "expires_at": None}
    backend.replies["GET /health"] = JSONResponse({"status": "degraded", "modes": [mode, words]})
    closed = problem(503, "maintenance", detail=WORDS, retry_after="60")
    for address in ("POST /v1/query", "GET /v1/documents", "GET /v1/me"):
        backend.replies[address] = closed
    backend.replies[f"GET /v1/documents/{DOCUMENT}/text"] = closed


@pytest.fixture(params=[None, SignInConfig(SECRET)], ids=["open to all", "with sign-in"])
async def browser(
    request: pytest.FixtureRequest, backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a browser before the page, which asks for maintenance every time."""
    monkeypatch.setattr(condition, "_FRESH_S", 0.0)
    transport = httpx2.ASGITransport(app=backend.app)
    app = create_frontend("http://backend", transport=transport, sign_in=request.param)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL
    ) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/documents", f"/documents/{DOCUMENT}"])
async def test_every_page_says_why_it_is_closed(
    browser: httpx2.AsyncClient, backend: ScriptedBackend, path: str
) -> None:
    """Nobody needs to sign in to read the operators' words, and when to come back."""
    close(backend, minutes=30)
    closed = await browser.get(path)

    assert closed.status_code == 503
    assert Page(closed).words("h1") == "The service is being maintained"
    assert WORDS in Page(closed).one("main").text()
    assert 0 < int(closed.headers["retry-after"]) <= 1800
    assert not Page(closed).css(".sign-in")
    assert (await browser.get("/readyz")).status_code in {200, 503}


async def test_time_to_come_back_is_that_of_the_switch(
    browser: httpx2.AsyncClient, backend: ScriptedBackend
) -> None:
    """The first page names the end of the switch, a minute where it has none, an hour at most."""
    waits = []
    for minutes in (30, None, 600):
        close(backend, minutes=minutes)
        waits.append(int((await browser.get("/")).headers["retry-after"]))

    assert 1790 <= waits[0] <= 1800
    assert waits[1:] == [60, 3600]


async def test_page_opens_again_by_itself(
    browser: httpx2.AsyncClient, backend: ScriptedBackend
) -> None:
    """When the switch is lifted, the next visit finds the page."""
    close(backend)
    assert (await browser.get("/")).status_code == 503
    backend.replies["GET /health"] = JSONResponse({"status": "ok", "modes": []})

    assert (await browser.get("/")).status_code in {200, 401}


@pytest.mark.parametrize(
    "reply",
    [
        problem(500, "internal"),
        JSONResponse({"modes": "?"}),
        JSONResponse([], 200),
        Response(b"\xff"),
    ],
)
async def test_closed_page_stays_closed_while_the_backend_is_worked_on(
    browser: httpx2.AsyncClient, backend: ScriptedBackend, reply: Response
) -> None:
    """A backend that stops answering in maintenance has not ended it."""
    close(backend)
    assert (await browser.get("/")).status_code == 503
    backend.replies["GET /health"] = reply

    assert Page(await browser.get("/")).words("h1") == "The service is being maintained"


async def test_visits_close_together_ask_the_backend_once(
    backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many visits within the time that a look counts are one question to the backend."""
    monkeypatch.setattr(condition, "_FRESH_S", 3600.0)
    transport = httpx2.ASGITransport(app=backend.app)
    app = create_frontend("http://backend", transport=transport)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL
    ) as client:
        for _ in range(20):
            await client.get("/")

    assert backend.looks == 1


async def test_slow_backend_delays_the_first_page_by_half_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backend that says nothing does not keep the form from its reader."""
    monkeypatch.setattr(condition, "_PATIENCE_S", 0.1)
    asked = asyncio.Event()

    class Silent(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, _request: httpx2.Request) -> httpx2.Response:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    app = create_frontend("http://backend", transport=Silent())
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL
    ) as client:
        began = time.monotonic()
        form = await client.get("/")
        took = time.monotonic() - began

    assert asked.is_set()
    assert form.status_code == 200
    assert took < allowed(5)


async def test_question_typed_before_closing_is_kept(
    browser: httpx2.AsyncClient, backend: ScriptedBackend
) -> None:
    """A question that meets the maintenance does not vanish: it is in the box, or comes back."""
    close(backend)
    asked = await browser.post("/", data={"question": "Now?"})
    page = Page(asked)

    assert asked.status_code == 503
    assert WORDS in page.one("main").text()
    in_box = [node.text() for node in page.css("#question")] == ["Now?"]
    in_cookie = any("draft" in cookie.name for cookie in browser.cookies.jar)
    assert in_box != in_cookie
