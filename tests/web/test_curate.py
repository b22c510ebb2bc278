"""Looking after documents on the page."""

import json
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from tests.web.conftest import DOCUMENT, Page, ScriptedBackend, document, problem
from tests.web.signing_in import GOOD_KEY, SECRET, submit, visiting
from tests.web.tour import FORM, states

from info_assistant.web.sign_in import SignInConfig

Browser = httpx2.AsyncClient
PLACE = f"/documents/{DOCUMENT}/curate"
TAKEN = {"documents": [{"id": DOCUMENT}, {"id": DOCUMENT}]}


def knows(backend: ScriptedBackend, **fields: object) -> None:
    """Let the backend have the document, quoted nowhere, and take every change."""
    state = next(state for state in states("x") if state.name == "curate ready")
    state.arrange(backend)
    backend.replies[f"GET /v1/documents/{DOCUMENT}"] = JSONResponse(document(**fields))


def sent(backend: ScriptedBackend) -> list[tuple[str, str, Any]]:
    """Return every change that the backend was told: method, end of the path, body."""
    return [
        (request.method, request.url.path.rpartition("/")[2], json.loads(body) if body else None)
        for request, body in backend.asked
        if request.method != "GET"
    ]


async def test_files_reach_the_backend_as_the_browser_sent_them(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Each file arrives whole, with its name, however strange; the list tells how many."""
    backend.replies["POST /v1/documents"] = JSONResponse(TAKEN, 202)
    files = [
        ("file", ("../../<b>.md", b"# One", "text/markdown")),
        ("file", ("Jahresbericht \u202e.pdf", b"\x00%PDF" * 100_000, "application/pdf")),
    ]
    done = await browser.post("/documents/add", files=files, headers=FORM)

    assert (done.status_code, done.headers["location"]) == (
        303,
        f"/documents?added=2&id={DOCUMENT}",
    )
    ((request, body),) = backend.asked
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert body.count(b"%PDF") == 100_000
    assert b"# One" in body


async def test_what_the_backend_does_not_take_is_said(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A refusal keeps its status; what is no upload is not passed on; nor is another site's."""
    backend.replies["POST /v1/documents"] = problem(503, "ingestion_paused")
    files = [("file", ("a.md", b"# A", "text/markdown"))]
    refused = await browser.post("/documents/add", files=files, headers=FORM)
    assert refused.status_code == 503
    backend.asked.clear()
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await browser.post("/documents/add", files=files, headers=foreign)).status_code == 403
    assert (await browser.post("/documents/add", data={"a": "b"}, headers=FORM)).status_code == 422
    assert backend.asked == []


@pytest.mark.parametrize("action", ["withdraw", "quarantine"])
async def test_holding_back_needs_a_reason(
    browser: Browser, backend: ScriptedBackend, action: str
) -> None:
    """With a reason it reaches the backend; without one the form says what is missing."""
    knows(backend)
    silent = await browser.post(PLACE, data={"action": action, "reason": " "}, headers=FORM)
    assert silent.status_code == 422
    done = await browser.post(PLACE, data={"action": action, "reason": " Old. "}, headers=FORM)
    assert (done.status_code, done.headers["location"]) == (303, f"{PLACE}?done=yes")
    assert sent(backend) == [("POST", action, {"reason": "Old."})]


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"state": "failed"}, "retry"),
        ({"state": "withdrawn", "hold": {"kind": "quarantined", "reason": "?"}}, "restore"),
    ],
)
async def test_a_document_can_come_back(
    browser: Browser, backend: ScriptedBackend, fields: dict[str, object], action: str
) -> None:
    """What failed can be tried again, what was held back restored, by the button that is there."""
    knows(backend, **fields)
    page = Page(await browser.get(PLACE))
    assert page.value("section:first-of-type button", "value") == action
    await browser.post(PLACE, data={"action": action}, headers=FORM)
    assert sent(backend) == [("POST", action, None)]


async def test_what_is_said_about_a_document_can_be_changed(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Groups are a list, days are days, an empty field empties what was known; a title stays."""
    knows(backend, access=["hr", "it"], review_by="2027-01-31")
    page = Page(await browser.get(PLACE))
    assert page.value("#access", "value") == "hr, it"
    assert page.value("#review_by", "value") == "2027-01-31"
    form = {"action": "change", "title": " ", "access": "hr, ,works council ", "marking": "SECRET"}
    await browser.post(PLACE, data=form | {"effective": "2027-01-01"}, headers=FORM)
    change = {
        "effective": "2027-01-01",
        "superseded": None,
        "review_by": None,
        "marking": "SECRET",
        "access": ["hr", "works council"],
    }
    assert sent(backend) == [("PATCH", DOCUMENT, change)]


@pytest.mark.parametrize("role", ["reader", "contributor", "operator", ""])
async def test_only_who_looks_after_documents_is_offered_to(
    backend: ScriptedBackend, role: str
) -> None:
    """Readers see no ways that would be refused; forms of the others carry their mark."""
    me = {"subject": "key:1", "name": "Reading room", "tenant": "north", "role": role}
    backend.replies["GET /v1/me"] = JSONResponse(me)
    backend.replies["GET /v1/documents"] = JSONResponse({"documents": [document()]})
    backend.replies["POST /v1/documents"] = JSONResponse(TAKEN, 202)
    knows(backend)
    async with visiting(SignInConfig(SECRET), backend) as browser:
        form = await browser.get("/documents")
        await submit(browser, form, ".sign-in", "/sign-in", {"key": GOOD_KEY})
        page = Page(await browser.get("/documents"))
        offered = bool(page.css("a[href='/documents/add']"))
        assert (
            offered == bool(page.css(".document .ways a")) == (role in {"contributor", "operator"})
        )
        files = [("file", ("a.md", b"# A", "text/markdown"))]
        bare = await browser.post("/documents/add", files=files, headers=FORM)
        assert bare.status_code == 403
        marked = Page(await browser.get("/documents/add")).value("form.add", "action")
        assert (await browser.post(marked, files=files, headers=FORM)).status_code == 303
        unmarked = await browser.post(PLACE, data={"action": "restore"}, headers=FORM)
        assert unmarked.status_code == 403
    assert [each for each in sent_paths(backend) if each.endswith("restore")] == []


def sent_paths(backend: ScriptedBackend) -> list[str]:
    """Return the paths of what the backend was told."""

    def path(request: Request) -> str:
        return str(request.url.path)

    return [path(request) for request, _ in backend.asked if request.method == "POST"]
