"""An answer at its own address: under way, finished, stopped, broken off, judged."""

import asyncio
import threading
import time

import httpx2
import pytest
from starlette.responses import JSONResponse, Response
from tests.web.conftest import ANSWER, Page, ScriptedBackend, answer, citation, events, problem
from tests.web.live_backend import SENTENCES, LiveBackend, live_browser
from tests.web.test_ask import ask

from info_assistant.web.asked import Asked, AskedQuestions
from info_assistant.web.visits import Session, Visit

Browser = httpx2.AsyncClient
PLACE = f"/answers/{ANSWER}"
FORM = {"Sec-Fetch-Site": "same-origin"}


async def is_set(event: threading.Event) -> bool:
    """Whether `event` is set within 30 s."""
    deadline = time.monotonic() + 30
    while not event.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return event.is_set()


async def finished(browser: Browser) -> Page:
    """Return the page of the answer once it is there, within 30 s."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        page = Page(await browser.get(PLACE))
        if not page.css("[data-answer]"):
            return page
    pytest.fail("the answer was not finished")


async def test_a_question_leads_to_the_address_of_its_answer(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The form is answered by 303, and the address shows question and answer to who comes again."""
    backend.answers(answer())
    sent = await browser.post("/", data={"question": "How long?"}, headers=FORM)

    assert sent.status_code == 303
    assert sent.headers["location"] == f"{PLACE}#result"
    for _ in range(2):
        page = Page(await browser.get(PLACE))
        assert page.words("h1") == "How long?"
        assert page.words(".sentence .words") == "Up to five days may be carried over."


async def test_an_answer_under_way_is_shown_as_far_as_it_is() -> None:
    """Before the end: the stage, the checked sentences, a page that asks again by itself."""
    backend = LiveBackend()
    async with live_browser(backend) as browser:
        sent = await browser.post("/", data={"question": "How long?"}, headers=FORM)
        assert sent.status_code == 303
        for _ in range(2):  # A reload loses nothing.
            page = Page(await browser.get(PLACE))
            assert page.words("h1") == "How long?"
            assert page.words("[role=status]").startswith("Writing the answer")
            assert [each.text() for each in page.css(".released .words")] == list(SENTENCES)
            assert page.value("noscript meta", "http-equiv") == "refresh"
        backend.go.set()
        assert (await finished(browser)).words("h2#result") == "Answer"


async def test_an_answer_is_finished_though_nobody_looks() -> None:
    """Who leaves after asking finds the whole answer later."""
    backend = LiveBackend()
    async with live_browser(backend) as browser:
        await browser.post("/", data={"question": "How long?"}, headers=FORM)
        backend.go.set()
        assert await is_set(backend.read)
        assert Page(await browser.get(PLACE)).words("h2#result") == "Answer"


async def test_stopping_ends_the_work_behind_an_answer() -> None:
    """The button ends the stream at the backend, and leads back to the page."""
    backend = LiveBackend()
    async with live_browser(backend) as browser:
        await browser.post("/", data={"question": "How long?"}, headers=FORM)
        foreign = await browser.post(f"{PLACE}/stop", headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert not backend.left.is_set()
        stopped = await browser.post(f"{PLACE}/stop", headers=FORM)
        assert (stopped.status_code, stopped.headers["location"]) == (303, PLACE)
        assert await is_set(backend.left)


async def test_events_are_passed_on_from_where_the_browser_lost_them() -> None:
    """The stream has the backend's own bytes; the number of the last event is handed on."""
    backend = LiveBackend()
    backend.go.set()
    async with live_browser(backend) as browser:
        stream = await browser.get(f"{PLACE}/events", headers={"Last-Event-ID": "3"})
        await browser.get(f"{PLACE}/events", headers={"Last-Event-ID": "-1; drop"})

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["x-accel-buffering"] == "no"
    assert [line for line in stream.text.split("\n") if line.startswith("id:")] == [
        "id: 4",
        "id: 5",
        "id: 6",
    ]
    assert backend.resumed == ["3", "0"]


async def test_an_outage_after_the_beginning_keeps_status_question_and_passages(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """An `error` event is the page of that error: its code, its wait, what was found."""
    error = {
        "code": "generation_unavailable",
        "status": 503,
        "retry_after": 30,
        "request_id": "backend-7",
        "passages": [citation(1)],
    }
    backend.streams(events(("status", {"stage": "generate"}), ("error", error)))
    response, page = await ask(browser, "What now?")

    assert (response.status_code, response.headers["retry-after"]) == (503, "30")
    assert page.words("h2#result") == "Answers cannot be written at the moment"
    assert page.one("#question").text() == "What now?"
    assert page.words("blockquote") == "Up to five days may be carried over."
    assert page.value("[name=conversation]", "value")


async def test_an_answer_that_nobody_finished_says_so(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A stream that ends without a last event is told as such, with the question in the box."""
    backend.streams(events(("status", {"stage": "generate"})))
    response, page = await ask(browser, "And?")

    assert response.status_code == 410
    assert page.words("h2#result") == "This answer was not finished"
    assert page.one("#question").text() == "And?"


async def test_an_answer_of_another_process_is_waited_for(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Where this backend cannot tell the events, the page goes on asking for the answer."""
    backend.replies[f"GET {PLACE.replace('/', '/v1/', 1)}/events"] = problem(
        409, "resume_elsewhere"
    )
    response = await browser.get(PLACE)

    assert response.status_code == 200
    assert Page(response).css("[data-answer]")
    assert not Page(response).css("form.stop")


async def test_an_answer_of_somebody_else_is_not_there(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Whose answer it is, the backend decides each time that somebody comes."""
    assert (await browser.get(PLACE)).status_code == 404
    assert [request.url.path for request, _ in backend.asked] == [
        f"/v1/answers/{ANSWER}",
        f"/v1/answers/{ANSWER}/events",
    ]
    assert (await browser.get("/answers/1")).status_code == 404


async def test_follow_ups_stay_in_their_conversation(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A question from an answer's page goes on with its talk; one from the start does not."""
    backend.answers(answer(follow_ups=["And then?"]))
    _, page = await ask(browser, "How long?")
    first = backend.questions[0][1]["conversation_id"]
    fields = [form.css("[name=conversation]") for form in page.css("form.ask, form.follow-up")]
    assert [field.attributes["value"] for (field,) in fields] == [first, first]

    await browser.post("/", data={"question": "And?", "conversation": first}, headers=FORM)
    await ask(browser, "Something else?")
    await browser.post("/", data={"question": "?!", "conversation": "../../x"}, headers=FORM)
    asked = [body["conversation_id"] for _, body in backend.questions]
    assert asked[1] == first
    assert len({*asked}) == 3
    assert "../../x" not in asked


async def test_conversations_are_those_that_the_backend_knows(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The list, its next page and what leads on come from the backend; nothing stays here."""
    entry = {"id": "talk-1", "title": "How long?", "turns": 2, "updated_at": "2026-11-23T13:06Z"}
    body = {"conversations": [entry], "next": ANSWER}
    backend.replies["GET /v1/conversations"] = JSONResponse(body)
    page = Page(await browser.get("/conversations"))
    assert page.value(".document a", "href") == "/conversations/talk-1"
    assert "2 questions" in page.words(".document .place")
    onward = page.value("main .ways a", "href")
    again = await browser.get(onward)
    assert [each.text() for each in Page(again).css("main .ways a")] == ["The newest", "Older ones"]
    await browser.get("/conversations?before=../x")
    asked = [request.url.query for request, _ in backend.asked]
    assert asked == ["", f"before={ANSWER}", ""]
    assert not again.cookies


async def test_quotes_carry_their_language(browser: Browser, backend: ScriptedBackend) -> None:
    """A quote, its sentence and the side of a conflict are marked as what they are written in."""
    side = {"n": 1, "value": "dix jours", "title": "Guide", "quote": "Dix jours.", "language": "fr"}
    said = answer(
        answer_mode="extractive",
        citations=[citation(1, language="fr"), citation(2)],
        sentences=[
            {"text": "Dix jours.", "citations": [1], "support": "supported"},
            {"text": "Ten days.", "citations": [2], "support": "supported"},
        ],
        conflicts=[{"kind": "duration", "sides": [side, side | {"language": None}]}],
    )
    backend.answers(said)
    _, page = await ask(browser, "How long?")
    for selector in (
        ".sentence",
        "#source-1 blockquote, #source-2 blockquote",
        ".sides .value bdi",
    ):
        assert [each.attributes["lang"] for each in page.css(selector)] == ["fr", "en"], selector


@pytest.mark.parametrize("judgement", ["helpful", "not_helpful", "wrong"])
async def test_a_judgement_reaches_the_backend(
    browser: Browser, backend: ScriptedBackend, judgement: str
) -> None:
    """Each button says its word, with the comment, and thanks; anything else says nothing."""
    backend.answers(answer())
    backend.replies[f"POST /v1/answers/{ANSWER}/feedback"] = JSONResponse({}, 201)
    said = {"judgement": judgement, "comment": " It is ten days. "}
    done = await browser.post(f"{PLACE}/feedback", data=said, headers=FORM)
    await browser.post(f"{PLACE}/feedback", data={"judgement": "brilliant"}, headers=FORM)

    told = [body for request, body in backend.asked if request.method == "POST"]
    assert told == [f'{{"judgement":"{judgement}","comment":"It is ten days."}}'.encode()]
    assert done.headers["location"] == f"{PLACE}?said=thanks#feedback"
    page = Page(await browser.get(done.headers["location"]))
    assert page.words(".thanks").startswith("Thank you")


async def test_an_answer_can_be_copied_with_its_sources(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The text has question, sentences with numbers, doubts, each source with its place."""
    sentences = [
        {"text": "Five days.", "citations": [1, 9], "support": "supported"},
        {"text": "Perhaps.", "citations": [], "support": "unverified"},
    ]
    backend.answers(answer(sentences=sentences))
    _, page = await ask(browser, "How long?")

    assert page.one("#copy").text().strip().splitlines() == [
        "How long?",
        "",
        "Five days. [1]",
        "Perhaps. (not verified)",
        "",
        "[1] Leave handbook, Annual leave, Carrying leave over, page 4, version 3",
        "    “Up to five days may be carried over.”",
        "",
        "From the documents as they stood on 23 November 2026, 13:05 UTC.",
        f"Reference of this answer: {ANSWER}",
    ]


async def test_a_backend_of_an_older_version_names_its_answer_at_the_end(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Without the header the page waits for the last event; its id is the address."""
    backend.answers(answer())
    frames = events(("final", answer()))
    backend.replies["POST /v1/query"] = Response(frames, media_type="text/event-stream")
    sent = await browser.post("/", data={"question": "How long?"}, headers=FORM)

    assert sent.headers["location"] == f"{PLACE}#result"


def test_only_who_asked_finds_a_question_again() -> None:
    """Neither another person nor another organisation reads or stops what somebody asked."""

    def visit(subject: str, organisation: str) -> Visit:
        return Visit(session=Session("keys", "k", subject, "n", organisation, 2e9))

    asked = AskedQuestions()
    mine = visit("a", "north")
    asked.remember(ANSWER, Asked("How long?", "talk", mine))

    assert asked.find(ANSWER, visit("a", "north")) is not None
    for other in (visit("b", "north"), visit("a", "south"), Visit()):
        assert asked.find(ANSWER, other) is None
        assert not asked.stop(ANSWER, other)
