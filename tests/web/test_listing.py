"""The list of documents: found, sorted, and changed several at once."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse
from tests.web.conftest import ANSWER, DOCUMENT, Page, ScriptedBackend, answer, document, problem
from tests.web.tour import FORM

from info_assistant.web.listing import Wanted

Browser = httpx2.AsyncClient
OTHER = DOCUMENT.replace("5", "6")
CHANGE = "/documents/change"


def lists(backend: ScriptedBackend, *entries: dict[str, object], following: str = "") -> None:
    """Let the backend list these documents."""
    body = {"documents": list(entries), "next": following or None}
    backend.replies["GET /v1/documents"] = JSONResponse(body)


def asked(backend: ScriptedBackend) -> dict[str, str]:
    """Return what the backend was asked for last."""
    return dict(backend.asked[-1][0].query_params)


async def names(browser: Browser, address: str) -> list[str]:
    """Return the documents on a page, in their order."""
    return [found.text().strip() for found in Page(await browser.get(address)).css(".document h2")]


async def test_documents_are_sorted_as_the_address_says(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """By title whatever its letters, by state, by change, by review; all are asked for at once."""
    lists(
        backend,
        document(title="beta", state="failed", updated_at="2026-01-02T00:00:00Z"),
        document(title="Alpha", updated_at="2026-01-03T00:00:00Z", review_by="2027-01-01"),
        document(title="gamma", updated_at="2026-01-01T00:00:00Z", review_by="2026-12-01"),
    )
    assert await names(browser, "/documents") == ["beta", "Alpha", "gamma"]
    assert asked(backend) == {"limit": "50"}
    for order, wanted in (
        ("title", ["Alpha", "beta", "gamma"]),
        ("state", ["Alpha", "gamma", "beta"]),
        ("changed", ["Alpha", "beta", "gamma"]),
        ("review", ["gamma", "Alpha", "beta"]),
    ):
        assert await names(browser, f"/documents?sort={order}") == wanted, order
        assert asked(backend) == {"limit": "1000"}
    assert await names(browser, "/documents?sort=weight") == ["beta", "Alpha", "gamma"]


async def test_a_sorted_list_goes_on_and_says_where_it_is_not_whole(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Every document is shown once over the pages; of more than can be sorted the page tells."""
    entries = [document(title=f"{number:03}") for number in range(120)]
    lists(backend, *entries, following="more")
    seen, address = [], "/documents?sort=title&q=x"
    for _ in range(3):
        page = Page(await browser.get(address))
        seen += [found.text().strip() for found in page.css(".document h2")]
        assert "more than 1000 documents" in page.words("main")
        address = page.css("nav.parts a")[-1].attributes["href"] or ""
        assert asked(backend)["q"] == "x"
    assert seen == [f"{number:03}" for number in range(120)]


async def test_what_is_sought_stays_in_the_address_and_the_form(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Access group and day of review reach the API; days and groups that are none do not."""
    lists(backend, document(), following="abc")
    query = "q=leave&state=ready&access=works+council&review_before=2026-12-01"
    page = Page(await browser.get(f"/documents?{query}"))
    sought = {"q": "leave", "state": "ready"}
    sought |= {"access": "works council", "review_before": "2026-12-01"}
    assert asked(backend) == {"limit": "50", **sought}
    assert page.value("#access", "value") == "works council"
    following = urlsplit(page.css("nav.parts a")[-1].attributes["href"] or "")
    assert {name: value for name, (value,) in parse_qs(following.query).items()} == {
        **sought,
        "after": "abc",
    }
    await browser.get("/documents?review_before=soon&access=a,b&state=odd")
    assert asked(backend) == {"limit": "50"}


@given(st.dictionaries(st.sampled_from(["q", "state", "access", "sort", "start", "x"]), st.text()))
def test_an_address_is_read_as_it_was_written(given_query: dict[str, str]) -> None:
    """Whatever somebody types, the address is ours and says the same when it is read again."""
    wanted = Wanted.of(given_query)
    address = urlsplit(wanted.address(start=wanted.start))
    assert (address.scheme, address.netloc, address.path) == ("", "", "/documents")
    read = {name: value for name, (value,) in parse_qs(address.query).items()}
    assert Wanted.of(read) == wanted


async def test_what_is_ticked_is_changed_and_nothing_else_of_it(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """What is left empty is not sent; the reader comes back to the list that they had."""
    lists(backend, document(), document(id=OTHER))
    done = [{"id": each, "outcome": "done"} for each in (DOCUMENT, OTHER)]
    backend.replies["PATCH /v1/documents"] = JSONResponse({"documents": done})
    page = Page(await browser.get("/documents?q=leave&sort=title"))
    ticks = page.css("input[type=checkbox][form=several]")
    assert [tick.attributes["name"] for tick in ticks] == [f"id:{DOCUMENT}", f"id:{OTHER}"]
    form = {tick.attributes["name"] or "": "yes" for tick in ticks}
    form |= {"list": page.value("#several input[name=list]", "value")}
    form |= {"access": "hr, works council", "effective": "", "superseded": "2027-01-31"}
    changed = await browser.post(CHANGE, data=form, headers=FORM)

    assert changed.status_code == 303
    assert changed.headers["location"] == "/documents?q=leave&sort=title&changed=2"
    request, body = backend.asked[-1]
    assert request.method == "PATCH"
    assert json.loads(body) == {
        "ids": [DOCUMENT, OTHER],
        "change": {"access": ["hr", "works council"], "superseded": "2027-01-31"},
    }
    told = Page(await browser.get(changed.headers["location"]))
    assert told.words(".thanks") == "2 documents were changed."


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example/?q=a", "\r\nX: y", "q="])
async def test_a_change_leads_to_our_own_list_only(
    browser: Browser, backend: ScriptedBackend, there: str
) -> None:
    """Whatever the hidden field says, the way back is the list of documents."""
    done = {"documents": [{"id": DOCUMENT, "outcome": "done"}]}
    backend.replies["PATCH /v1/documents"] = JSONResponse(done)
    form = {f"id:{DOCUMENT}": "yes", "access": "hr", "list": there}
    location = (await browser.post(CHANGE, data=form, headers=FORM)).headers["location"]
    assert location == "/documents?changed=1"


async def test_documents_that_refuse_a_change_are_named(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The reader learns how many were changed, and of each other one why it was not."""
    outcomes = [
        {"id": DOCUMENT, "outcome": "done", "detail": ""},
        {"id": OTHER, "outcome": "forbidden", "detail": "Not <b>yours</b>."},
    ]
    backend.replies["PATCH /v1/documents"] = JSONResponse({"documents": outcomes})
    form = {f"id:{DOCUMENT}": "yes", f"id:{OTHER}": "yes", "access": "hr"}
    refused = await browser.post(CHANGE, data=form, headers=FORM)
    assert refused.status_code == 409
    assert "1 document was changed." in Page(refused).words("main")
    assert "Not <b>yours</b>." in Page(refused).words("main li")


async def test_another_website_changes_nothing(browser: Browser, backend: ScriptedBackend) -> None:
    """A form that another site sends does not reach the backend."""
    form = {f"id:{DOCUMENT}": "yes", "access": "everyone"}
    sent = await browser.post(CHANGE, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert sent.is_error
    assert backend.asked == []


async def test_a_question_is_tried_on_one_document(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The document's page sends a question that searches it alone, and keeps that if it fails."""
    curated = f"GET /v1/documents/{DOCUMENT}"
    backend.replies[curated] = JSONResponse(document())
    backend.replies[f"{curated}/citations"] = JSONResponse({"answers": []})
    pieces = [{"number": 5, "heading_path": ["Leave", "Carrying over"], "text": "Five days."}]
    reply = JSONResponse({"total": 12, "passages": pieces, "next": 10})
    backend.replies[f"{curated}/passages"] = reply
    page = Page(await browser.get(f"/documents/{DOCUMENT}/curate?passage=5"))
    passages = next(r for r, _ in backend.asked if r.url.path.endswith("/passages"))
    assert dict(passages.query_params) == {"first": "5", "limit": "5"}
    assert page.words(".passages blockquote") == "Five days."
    assert page.value(".passages", "start") == "6"

    backend.answers(answer())
    form = {"question": "How many?", "document": page.value("[name=document]", "value")}
    assert (
        (await browser.post("/", data=form, headers=FORM))
        .headers["location"]
        .startswith(f"/answers/{ANSWER}")
    )
    assert backend.questions[-1][1]["filters"] == {"document_ids": [DOCUMENT]}
    backend.fails(problem(503, "overloaded"))
    failed = Page(await browser.post("/", data=form, headers=FORM))
    assert failed.value("form.ask [name=document]", "value") == DOCUMENT
    await browser.post("/", data=form | {"document": "../x"}, headers=FORM)
    assert "filters" not in backend.questions[-1][1]


async def test_saved_questions_can_be_asked_and_saved_answers_tell_their_age(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """In cache-only mode a miss offers like questions as buttons; a hit says when it was given."""
    body = {"code": "cache_only_miss", "saved_questions": ["How <many> days?"]}
    backend.fails(JSONResponse(body, 503))
    missed = Page(await browser.post("/", data={"question": "Days?"}, headers=FORM))
    assert missed.words(".follow-up button") == "How <many> days?"
    saved = missed.value(".follow-up [name=question]", "value")
    given = {"given_at": "2026-11-22T08:00:00Z", "documents_changed_since": True}
    backend.answers(answer(**given))
    await browser.post("/", data={"question": saved}, headers=FORM)
    assert backend.questions[-1][1]["question"] == "How <many> days?"
    told = Page(await browser.get(f"/answers/{ANSWER}")).words("p.reference")
    assert "Given on" in told
    assert "22 November 2026" in told
    assert "Documents have changed since this answer was saved." in told


async def test_files_that_were_handed_in_are_followed_one_by_one(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The page after an upload shows these documents alone, each as far as it has come."""
    taken = {"documents": [{"id": DOCUMENT}, {"id": OTHER}]}
    backend.replies["POST /v1/documents"] = JSONResponse(taken, 202)
    for each, state in ((DOCUMENT, "reading"), (OTHER, "failed")):
        backend.replies[f"GET /v1/documents/{each}"] = JSONResponse(document(id=each, state=state))
    files = [("file", ("a.md", b"# A", "text/markdown"))] * 2
    added = await browser.post("/documents/add", files=files, headers=FORM)
    page = Page(await browser.get(added.headers["location"]))
    assert [each.text() for each in page.css(".state")] == ["Being read", "Could not be read"]
    assert page.css("ul.documents[data-progress]"), "it asks again by itself until all are read"
    lists(backend, document(), document())
    assert len(await names(browser, "/documents?added=2&id=../x")) == 2

    backend.replies["POST /v1/documents"] = JSONResponse(
        {"documents": [{"id": f"{number:08}{DOCUMENT[8:]}"} for number in range(21)]}, 202
    )
    many = await browser.post("/documents/add", files=files, headers=FORM)
    assert many.headers["location"] == "/documents?added=21"
