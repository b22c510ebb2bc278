"""What hostile documents, websites and clients cannot do."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx2
import pytest
import structlog
from starlette.responses import JSONResponse
from starlette.routing import Route
from structlog.testing import capture_logs
from tests.web.conftest import (
    DOCUMENT,
    PAGE_URL,
    Page,
    ScriptedBackend,
    answer,
    paragraphs,
    problem,
    text_reply,
)
from tests.web.tour import State, states

from info_assistant.web import forms
from info_assistant.web.app import create_frontend
from info_assistant.web.forms import MAX_FORM_BYTES

Browser = httpx2.AsyncClient

HOSTILE = (
    "</textarea></title></style><script>alert(1)</script>"
    "<img src=x onerror=alert(2)>'\"&lt;b&gt;{{7919*7907}}"
)


async def every_page(
    browser: Browser, backend: ScriptedBackend
) -> AsyncIterator[tuple[State, httpx2.Response]]:
    """Yield every state with its response, all that documents and people say being an attack."""
    for state in states(HOSTILE):
        backend.replies.clear()
        state.arrange(backend)
        yield state, await state.visit(browser)


def is_page(response: httpx2.Response) -> bool:
    """Whether a response is one that people read."""
    return response.headers.get("content-type", "").startswith("text/html")


async def test_no_page_runs_or_shows_what_a_document_smuggles_in(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """On every route: hostile text is only text; no script, handler, style, foreign address."""
    visited = set()
    async for state, response in every_page(browser, backend):
        visited.add(state.route)
        assert response.status_code == state.status, state.name
        if not is_page(response):
            continue
        page = Page(response)
        assert not page.css(
            "iframe, object, embed, base, style, [style], :not(noscript) > [http-equiv]"
        )
        (script,) = page.css("script")
        assert str(script.attributes["src"]).startswith("/static/page.js?v=")
        assert not script.text().strip()
        for node in page.css("*"):
            names = {name.lower() for name in node.attributes}
            assert not any(name.startswith("on") for name in names), node.html
            for name in ("href", "src", "action"):
                address = node.attributes.get(name)
                assert address is None or address.startswith(("/", "#")), node.html
                assert address is None or not address.startswith("//"), node.html
        assert len(page.css("img")) == 1
        assert "62615533" not in page.one("body").text()
    application = create_frontend("http://backend")
    assert visited - {"none"} == {
        route.path for route in application.routes if isinstance(route, Route)
    }


async def test_hostile_words_are_shown_as_they_are(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Escaping loses nothing: titles, headings, quotes and blocks read as they were written."""
    pages = {}
    async for state, response in every_page(browser, backend):
        if state.name in {"answer answered", "documents", "source changed"}:
            pages[state.name] = Page(response)
    asked, listed, source = pages["answer answered"], pages["documents"], pages["source changed"]

    assert asked.one("h1").text() == HOSTILE
    assert {each.text() for each in asked.css(".sentence .words")} == {HOSTILE}
    assert asked.one("#source-1 h3").text() == HOSTILE
    assert asked.one("#source-1 blockquote").text() == HOSTILE
    assert HOSTILE in asked.css("#source-1 .place bdi")[0].text()
    assert listed.css(".document h2")[0].text() == HOSTILE
    assert source.one("h1").text() == HOSTILE
    assert source.one("title").text().startswith(HOSTILE)
    for tag in ("h2", "li", "th", "pre"):
        assert source.css(f"article {tag}")[0].text() == HOSTILE


async def test_every_response_is_fenced_in(browser: Browser, backend: ScriptedBackend) -> None:
    """Each response, errors included, carries the security headers and its request id."""
    async for state, response in every_page(browser, backend):
        headers = response.headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy == {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self'",
            "script-src": "'self'",
            "connect-src": "'self'",
            "require-trusted-types-for": "'script'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-request-id"]
        expected = "no-cache" if state.route == "/static/{name}" else "no-store"
        assert headers["cache-control"] == expected, state.name
        # Where nobody signs in, only the language is kept.
        kept = headers.get("set-cookie", "info-assistant-language=").partition("=")[0]
        assert kept == "info-assistant-language"


async def test_every_page_has_the_bones_of_accessibility(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Each page has a language, a title, one h1, landmarks, a skip link, labels and unique ids."""
    async for state, response in every_page(browser, backend):
        if not is_page(response):
            continue
        page = Page(response)
        assert page.value("html", "lang") == "en"
        assert page.one("head > title").text().endswith("Info Assistant")
        for tag in ("h1", "main", "footer"):
            assert len(page.css(tag)) == 1, (state.name, tag)
        assert page.css("body > a")[0].attributes["href"] == "#main"
        for field in page.css("textarea, input:not([type=hidden])"):
            assert page.css(f"label[for={field.attributes['id']}]")
        ids = [str(node.attributes["id"]) for node in page.css("[id]")]
        assert len(ids) == len(set(ids)), state.name
        for link in page.css("a[href^='#']"):
            assert str(link.attributes["href"])[1:] in ids
        levels = [int(str(h.tag)[1]) for h in page.css("main h1, main h2, main h3, main h4")]
        order = [level for level in levels if level > 1]
        assert all(after - before <= 1 for before, after in pairwise(order)), state.name


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": PAGE_URL}, 403),
        ({"Origin": PAGE_URL}, 303),
        ({"Origin": PAGE_URL.replace("http", "https")}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": PAGE_URL + "0"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 303),
    ],
)
async def test_only_our_own_page_can_ask(
    browser: Browser, backend: ScriptedBackend, headers: dict[str, str], status: int
) -> None:
    """A form sent by another website is refused before the backend hears of it."""
    backend.answers(answer())
    response = await browser.post("/", data={"question": "Well?"}, headers=headers)

    assert response.status_code == status
    assert len(backend.questions) == (status == 303)
    if status == 403:
        assert Page(response).one("h1").text() == "This question came from another website"


async def test_foreign_name_for_this_machine_is_refused(backend: ScriptedBackend) -> None:
    """With hosts named, a website that points its own name at us gets nothing but probes."""
    app = create_frontend(
        "http://backend",
        transport=httpx2.ASGITransport(app=backend.app),
        allowed_hosts=("127.0.0.1", "localhost", "[::1]"),
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as client:
        seen = {
            host: (await client.get(f"http://{host}:8080/")).status_code
            for host in ("127.0.0.1", "localhost", "[::1]", "rebound.example")
        }
        probe = await client.get("http://10.1.2.3:8080/livez")
    assert probe.status_code == 200
    assert seen == {"127.0.0.1": 200, "localhost": 200, "[::1]": 200, "rebound.example": 400}


@pytest.mark.parametrize("size", ["declared", "chunked"])
async def test_huge_form_is_refused(browser: Browser, backend: ScriptedBackend, size: str) -> None:
    """More than 64 kB is 413 in plain words, whether or not its size was announced."""
    body = b"question=" + b"x" * MAX_FORM_BYTES

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 4096):
            yield body[at : at + 4096]

    response = await browser.post(
        "/",
        content=body if size == "declared" else chunks(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert response.status_code == 413
    assert Page(response).one("h1").text() == "That is too long"
    assert backend.asked == []


async def test_endless_form_is_not_read_to_its_end(browser: Browser) -> None:
    """A body without end is cut off, so that it costs neither memory nor time."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        response = await browser.post("/", content=endless())
    assert response.status_code == 413
    assert sent < 8 * 1024 * 1024


async def test_form_that_never_arrives_is_given_up(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that stops in the middle of its form is told so when its time is up."""
    monkeypatch.setattr(forms, "_ARRIVAL_S", 0.05)

    async def stalling() -> AsyncIterator[bytes]:
        yield b"question="
        await asyncio.Event().wait()

    async with asyncio.timeout(60):
        response = await browser.post("/", content=stalling())
    assert response.status_code == 408
    assert Page(response).one("h1").text() == "Your question did not arrive"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"question=%ff%fe%00%zz&&&===;%"),
        ("application/x-www-form-urlencoded", b"\x00\xff\xfe" * 50),
        ("application/json", b'{"question": "Well?"}'),
        ("multipart/form-data; boundary=x", b"--y\r\nnonsense"),
        ("multipart/form-data", b"--x"),
        (
            "multipart/form-data; boundary=x",
            (
                b'--x\r\nContent-Disposition: form-data; name="question"; filename="q"\r\n\r\n'
                b"hi\r\n--x--\r\n"
            ),
        ),
        ("", b"question=Well%3F"),
    ],
)
async def test_mangled_form_is_no_fault_of_ours(
    browser: Browser, backend: ScriptedBackend, content_type: str, body: bytes
) -> None:
    """Whatever arrives instead of a form is answered in words, never with a 500."""
    backend.answers(answer())
    response = await browser.post("/", content=body, headers={"Content-Type": content_type})

    assert response.status_code in {303, 400, 422}
    assert response.is_redirect or Page(response).css("h1")


async def test_other_methods_are_refused(browser: Browser) -> None:
    """A method that a page does not have is 405 and names those it has."""
    response = await browser.request("DELETE", "/")

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert Page(response).one("h1").text() == "That cannot be done here"


async def test_logs_and_metrics_hold_no_words_of_people(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Neither questions nor searches nor document text reach a log line or a metric."""
    word = "zaphod"
    structlog.reset_defaults()
    with capture_logs() as lines:
        backend.answers(answer(sentences=[{"text": word, "citations": []}]))
        await browser.post("/", data={"question": word})
        backend.answers({"status": [word], "sentences": word})
        await browser.post("/", data={"question": word})
        backend.fails(problem(500, "vector_store_unavailable", detail=word))
        await browser.post("/", data={"question": word})
        await browser.post("/", data={"question": word * 1000})
        await browser.post("/", data={"question": word}, headers={"Origin": "null"})
        await browser.get("/documents", params={"q": word})
        backend.holds(paragraphs(word))
        await browser.get(f"/documents/{DOCUMENT}")
        await browser.get(f"/{word}")
    counts = (await browser.get("/metrics")).text

    assert len(lines) >= 8
    assert {line["event"] for line in lines} >= {"http_request", "question_not_answered"}
    assert word not in repr(lines)
    assert word not in counts


async def test_request_id_is_taken_over_only_if_tame(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A sensible id from before us is kept and handed on; anything else is replaced."""
    backend.answers(answer())
    kept = await browser.post("/", data={"question": "a"}, headers={"X-Request-ID": "edge-42"})
    other = await browser.post("/", data={"question": "a"}, headers={"X-Request-ID": "a b<c>"})

    assert kept.headers["x-request-id"] == "edge-42"
    assert backend.asked[0][0].headers["x-request-id"] == "edge-42"
    assert other.headers["x-request-id"] != "a b<c>"
    assert backend.asked[1][0].headers["x-request-id"] == other.headers["x-request-id"]


async def test_fault_of_ours_is_told_without_its_trace(
    backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a page fail to be made, the reader gets words and a reference, and we the trace."""
    backend.replies[f"GET /v1/documents/{DOCUMENT}/text"] = JSONResponse(
        text_reply(paragraphs("One."), highlights=[])
    )

    detail = "secret-detail"

    def broken(*_: object) -> None:
        raise RuntimeError(detail)

    monkeypatch.setattr("info_assistant.web.marking.Layout.part", broken)
    app = create_frontend("http://backend", transport=httpx2.ASGITransport(app=backend.app))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL
    ) as client:
        with capture_logs() as lines:
            response = await client.get(f"/documents/{DOCUMENT}")

    assert response.status_code == 500
    assert detail not in response.text
    assert response.headers["x-request-id"] in response.text
    assert response.headers["content-security-policy"]
    (line,) = (line for line in lines if line["event"] == "page_failed")
    assert line["error"] == "RuntimeError"
    assert "in source" in line["trace"]
    assert detail not in repr(line)
