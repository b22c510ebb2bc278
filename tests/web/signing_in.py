"""A page that people sign in to, served on loopback, and a browser before it."""

import base64
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.web.conftest import Page, ScriptedBackend, problem

from info_assistant.drills.issuer import CLIENT_ID, Issuer
from info_assistant.web.app import create_frontend
from info_assistant.web.provider import OidcClient
from info_assistant.web.sign_in import SignInConfig

SECRET = "the-secret-that-seals-the-cookies-of-tests"
GOOD_KEY = "pia_0123_a-key-that-the-backend-knows"
Browser = httpx2.AsyncClient


def knows_people(backend: ScriptedBackend) -> None:
    """Let the backend answer /v1/me as the real one would: from the token, or for GOOD_KEY."""

    def me(request: Request) -> Response:
        _, _, bearer = request.headers.get("authorization", "").partition(" ")
        if bearer == GOOD_KEY:
            return JSONResponse({"subject": "key:0123", "name": "Reading room", "tenant": "north"})
        if bearer.count(".") != 2:
            return problem(401, "invalid_api_key")
        claims = claims_of(bearer)
        return JSONResponse(
            {"subject": claims["sub"], "name": claims["name"], "tenant": claims["tenant"]}
        )

    backend.replies["GET /v1/me"] = me


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return found


def provider_config(issuer: Issuer, *, public_url: str = "") -> SignInConfig:
    """Return how the page signs people in at `issuer`."""
    return SignInConfig(SECRET, OidcClient(issuer.url, CLIENT_ID), public_url)


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve `app` on loopback until the block is left; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        pause = threading.Event()
        while not server.started:
            assert time.monotonic() < deadline, "the page did not start"
            pause.wait(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(60)


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[Browser]:
    """Yield a browser that keeps cookies and follows no redirect by itself."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as browser:
        yield browser


@asynccontextmanager
async def visiting(config: SignInConfig, backend: ScriptedBackend) -> AsyncIterator[Browser]:
    """Serve the page with `config` before `backend`, and yield a browser of it."""
    transport = httpx2.ASGITransport(app=backend.app)
    app = create_frontend("http://backend", transport=transport, sign_in=config)
    with served(app) as url:
        async with browsing(url) as browser:
            yield browser


async def go_to_provider(browser: Browser, login: str = "reader", return_to: str = "/") -> str:
    """Begin to sign in as `login`; return the address at which the provider sends one back."""
    there = await browser.get("/sign-in", params={"return_to": return_to})
    assert there.status_code == 303, there.text
    back = await browser.get(f"{there.headers['location']}&login_hint={login}")
    assert back.status_code == 303, back.text
    address: str = back.headers["location"]
    return address


async def sign_in(browser: Browser, login: str = "reader", return_to: str = "/") -> httpx2.Response:
    """Sign in as `login`; return the page that one comes to."""
    done = await browser.get(await go_to_provider(browser, login, return_to))
    assert done.status_code == 303, done.text
    return await browser.get(done.headers["location"])


async def ask(browser: Browser, form: httpx2.Response, question: str) -> httpx2.Response:
    """Type a question into the form of a page, send it, and go where it leads."""
    response = await submit(browser, form, "form.ask", "/", {"question": question})
    return await browser.get(response.headers["location"]) if response.is_redirect else response


async def submit(
    browser: Browser, page: httpx2.Response, form: str, address: str, typed: dict[str, str]
) -> httpx2.Response:
    """Send a form of a page with its hidden fields and what was typed."""
    hidden = {
        str(field.attributes["name"]): str(field.attributes["value"])
        for field in Page(page).css(f"{form} input[type=hidden]")
    }
    return await browser.post(
        address, data=hidden | typed, headers={"Sec-Fetch-Site": "same-origin"}
    )


def heading(response: httpx2.Response) -> str:
    """Return the heading of a page."""
    return Page(response).words("h1")


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def cookies_of(browser: Browser) -> dict[str, str]:
    """Return the browser's cookies."""
    return {cookie.name: cookie.value or "" for cookie in browser.cookies.jar}
