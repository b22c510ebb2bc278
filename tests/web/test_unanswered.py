"""The pages on what people ask in vain and read, and what is due: for those who curate."""

import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from tests.web.arranging import missing, read_by
from tests.web.conftest import ANSWER, DOCUMENT, Page, ScriptedBackend, document
from tests.web.tour import FORM, states

Browser = httpx2.AsyncClient
PAGE = "/unanswered"


async def test_a_group_says_what_was_asked_how_often_and_near_what(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Question, count, askers, shortfalls, closest documents and the mark, in plain words."""
    missing("May I bring my dog?")(backend)
    reply = await browser.get(PAGE)
    page = Page(reply)
    first, again, _ = page.css("li.document")
    assert "Asked 1 time" in " ".join(first.text().split())
    said = " ".join(again.text().split())
    for words in ("Asked 7 times", "by 3 different askers", "not found: 2", "it has come up again"):
        assert words in said
    assert f'href="/documents/{DOCUMENT}/curate"' in (again.html or "")
    assert "2 questions are left out" in page.words("p.notice")
    ((request, _),) = [each for each in backend.asked if each[0].url.path == "/v1/unanswered"]
    assert dict(request.query_params) == {"days": "30", "handled": "false"}


@pytest.mark.parametrize(("action", "handled"), [("handled", True), ("open", False)])
async def test_marking_reaches_the_backend(
    browser: Browser, backend: ScriptedBackend, action: str, *, handled: bool
) -> None:
    """The form of a group says which questions were seen; the list then says what was done."""
    missing("May I bring my dog?")(backend)
    form = {"action": action, "question": ANSWER, "until": ANSWER}
    sent = await browser.post(PAGE, data=form, headers=FORM)
    assert (sent.status_code, sent.headers["location"][:16]) == (303, "/unanswered?done")
    ((_, body),) = [each for each in backend.asked if each[0].method == "POST"]
    assert json.loads(body) == {"handled": handled, "until": ANSWER}
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await browser.post(PAGE, data=form, headers=foreign)).status_code == 403


async def test_who_reads_a_document_is_told_as_the_backend_tells_it(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Numbers for curators, names where the backend names people; earlier quotes by a link."""
    state = next(each for each in states("x") if each.name == "curate ready")
    state.arrange(backend)
    place = f"/documents/{DOCUMENT}/curate"
    page = Page(await browser.get(place))
    said = page.words("section[aria-labelledby=read-heading]")
    assert "Opened 2 times" in said
    assert "Read by 2 different people" in said
    assert len(page.css("section[aria-labelledby=read-heading] table")) == 2
    assert f"before={ANSWER}" in (await browser.get(place)).text

    nameless = JSONResponse({**read_by("x"), "readers": None})
    backend.replies[f"GET /v1/documents/{DOCUMENT}/readers"] = nameless
    unnamed = Page(await browser.get(f"{place}?before={ANSWER}"))
    assert len(unnamed.css("section[aria-labelledby=read-heading] table")) == 1
    asked = [each for each, _ in backend.asked if each.url.path.endswith("/citations")]
    assert asked[-1].query_params["before"] == ANSWER


async def test_what_is_due_for_review_is_said_above_the_list(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """How many documents are due within 30 days, and how many overdue, with a link to them."""
    today = datetime.now(UTC).date()
    days = (today - timedelta(days=3), today, today + timedelta(days=20))
    due = [document(review_by=f"{day}") for day in days]

    def reply(request: Request) -> JSONResponse:
        wanted = request.query_params.get("review_before")
        assert wanted in {None, f"{today + timedelta(days=31)}"}
        return JSONResponse({"documents": due if wanted else [document()]})

    backend.replies["GET /v1/documents"] = reply
    page = Page(await browser.get("/documents"))
    assert "3 documents are to be reviewed within 30 days. 1 is overdue." in page.words("p.notice")
    address = page.value("p.notice a", "href")
    assert "sort=review" in address
    listed = Page(await browser.get(address))
    assert not listed.css("p.notice")
    assert "Was to be reviewed by" in listed.css("li.document")[0].text()
