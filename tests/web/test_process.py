"""The frontend beside a backend that is gone, slow or breaks off, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from tests.conftest import allowed
from tests.web.conftest import DOCUMENT, PAGE_URL, Page, ScriptedBackend, answer, document

from info_assistant.drills.ports import unused_port
from info_assistant.web.app import create_frontend


@asynccontextmanager
async def raw_server(reply: bytes, *, then_hang: bool) -> AsyncIterator[str]:
    """Serve one fixed reply per connection on loopback, then close or stay silent."""
    finished = asyncio.Event()
    connections: list[asyncio.Task[object] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            await writer.drain()
            if then_hang:
                await finished.wait()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        finished.set()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*filter(None, connections))


@asynccontextmanager
async def visiting(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of a running frontend."""
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL) as client,
    ):
        yield client


async def test_page_stands_while_the_backend_is_gone() -> None:
    """Without a backend: the form and probes work, a question is 503 at once and is kept."""
    app = create_frontend(f"http://127.0.0.1:{unused_port()}")
    async with visiting(app) as client:
        began = time.monotonic()
        form = await client.get("/")
        asked = await client.post("/", data={"question": "Anyone?"})
        listed = await client.get("/documents")
        source = await client.get(f"/documents/{DOCUMENT}")
        original = await client.get(f"/documents/{DOCUMENT}/original")
        ready = await client.get("/readyz")
        took = time.monotonic() - began

    assert form.status_code == ready.status_code == 200
    for response in (asked, listed, source, original):
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert "The service is not available" in response.text
        assert "127.0.0.1" not in response.text
    assert Page(asked).one("#question").text() == "Anyone?"
    assert took < allowed(10)


@pytest.mark.parametrize(
    "begun",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"],
)
async def test_slow_backend_is_given_up_at_the_deadline(begun: bytes) -> None:
    """A backend that says nothing, or begins and stops, costs the reader the deadline, no more."""
    async with raw_server(begun, then_hang=True) as url:
        app = create_frontend(url, timeout_s=0.3)
        async with visiting(app) as client:
            began = time.monotonic()
            response = await client.post("/", data={"question": "Soon?"})
            took = time.monotonic() - began

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert Page(response).one("h2#result").text() == "The service is taking too long"
    assert Page(response).one("#question").text() == "Soon?"
    assert 0.25 < took < allowed(5)


async def test_trickling_backend_is_given_up_at_the_deadline() -> None:
    """The deadline holds for the whole reply: a byte now and then does not extend it."""
    ended = asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
            await writer.wait_closed()
        except ConnectionError:
            writer.close()
        finally:
            ended.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with visiting(create_frontend(url, timeout_s=0.4)) as client:
            began = time.monotonic()
            response = await client.post("/", data={"question": "Soon?"})
            took = time.monotonic() - began
        async with asyncio.timeout(60):
            await ended.wait()

    assert response.status_code == 503
    assert took < allowed(5)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"status":"\\ud8"',
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{",
    ],
)  # fmt: skip
async def test_nonsense_from_the_backend_is_an_outage(reply: bytes) -> None:
    """A backend that breaks off, or is something else altogether, is told as not available."""
    async with raw_server(reply, then_hang=False) as url, visiting(create_frontend(url)) as client:
        response = await client.post("/", data={"question": "Who are you?"})

    assert response.status_code == 503
    assert Page(response).one("h2#result").text() == "The service is not available"
    assert Page(response).one("#question").text() == "Who are you?"


async def test_redirecting_backend_leads_nowhere() -> None:
    """A redirect from the backend is not followed with somebody's question."""
    reply = b"HTTP/1.1 307 T\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(reply, then_hang=False) as url, visiting(create_frontend(url)) as client:
        response = await client.post("/", data={"question": "Where?"})

    assert response.status_code == 502
    assert "evil.example" not in response.text


async def test_original_that_breaks_off_is_not_passed_off_as_whole(
    backend: ScriptedBackend,
) -> None:
    """When the backend dies in the middle of a file, so does the download, visibly."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 500
    status = httpx2.ASGITransport(app=backend.app)
    backend.replies[f"GET /v1/documents/{DOCUMENT}"] = JSONResponse(document())

    class Half(httpx2.AsyncBaseTransport):
        """The document's state from the script, its bytes from a server that breaks off."""

        def __init__(self, url: str) -> None:
            self._url = httpx2.URL(url)
            self._real = httpx2.AsyncHTTPTransport()

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if not request.url.path.endswith("/original"):
                return await status.handle_async_request(request)
            request.url = request.url.copy_with(host=self._url.host, port=self._url.port)
            return await self._real.handle_async_request(request)

        async def aclose(self) -> None:
            await self._real.aclose()

    async with raw_server(head, then_hang=False) as url:
        app = create_frontend("http://backend", transport=Half(url))
        async with visiting(app) as client:
            with pytest.raises(RuntimeError, match="already started"):
                await client.get(f"/documents/{DOCUMENT}/original")
            metrics = (await client.get("/metrics")).text

    route = "/documents/{document_id:uuid}/original"
    assert f'http_requests_total{{method="GET",route="{route}",status="500"}} 1.0' in metrics


async def test_ready_only_between_start_and_stop(backend: ScriptedBackend) -> None:
    """/readyz is 503 before the start and after the stop; /livez is the process alone."""
    app = create_frontend("http://backend", transport=httpx2.ASGITransport(app=backend.app))
    seen = []
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL
    ) as client:
        for _ in range(2):
            seen.append((await client.get("/readyz")).status_code)
            async with app.router.lifespan_context(app):
                seen.append((await client.get("/readyz")).status_code)
        seen.append((await client.get("/readyz")).status_code)
        alive = await client.get("/livez")

    assert seen == [503, 200, 503, 200, 503]
    assert alive.status_code == 200


async def test_requests_are_counted_from_zero(
    browser: httpx2.AsyncClient, backend: ScriptedBackend
) -> None:
    """Metrics are there at 0 from the start, and count by route, never by path."""
    before = (await browser.get("/metrics")).text
    backend.answers(answer())
    await browser.post("/", data={"question": "One?"})
    await browser.get("/wp-login.php")
    await browser.request("BREW", "/")
    after = (await browser.get("/metrics")).text

    assert 'http_requests_total{method="GET",route="/",status="200"} 0.0' in before
    assert 'http_requests_total{method="POST",route="/",status="303"} 1.0' in after
    assert 'http_requests_total{method="GET",route="none",status="404"} 1.0' in after
    assert 'http_requests_total{method="other",route="/",status="405"} 1.0' in after
    assert 'http_request_duration_seconds_count{route="/"} 2.0' in after
    assert "wp-login" not in after
    assert "BREW" not in after
