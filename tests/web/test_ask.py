"""The first page: asking, and reading what came of it."""

import httpx2
import pytest
from starlette.responses import JSONResponse
from tests.web.conftest import ANSWER, DOCUMENT, Page, ScriptedBackend, answer, citation, problem

from info_assistant.model.answer import AnswerStatus
from info_assistant.model.question import MAX_QUESTION_CHARACTERS

Browser = httpx2.AsyncClient


async def ask(browser: Browser, question: str) -> tuple[httpx2.Response, Page]:
    """Send the form as a browser does, and go where it leads."""
    response = await browser.post(
        "/",
        data={"question": question},
        headers={"Sec-Fetch-Site": "same-origin"},
        follow_redirects=True,
    )
    return response, Page(response)


async def test_first_page_is_a_small_form_that_needs_no_backend(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The form comes without the backend's help, labelled, and with its stylesheet ≤ 60 kB."""
    response = await browser.get("/")
    page = Page(response)
    sheet = page.value("link[rel=stylesheet]", "href")
    style = await browser.get(str(sheet))
    icon = await browser.get("/static/icon.svg")
    module = await browser.get(page.value("script", "src"))

    assert (
        response.status_code == style.status_code == icon.status_code == module.status_code == 200
    )
    assert backend.asked == []
    whole = (response, style, icon, module)
    assert sum(len(each.content) for each in whole) <= 60_000
    assert page.value("form textarea[name=question]", "id") == "question"
    assert page.words("label[for=question]") == "Your question"
    assert style.headers["cache-control"].endswith("immutable")


async def test_question_reaches_the_backend_as_typed(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Line breaks are ours, everything else is passed on unchanged and shown again in the box."""
    backend.answers(answer())
    typed = "\n Wie viele Tage?\n日本語 <b> & “zwei” 🙂"
    _, page = await ask(browser, typed.replace("\n", "\r\n"))

    ((request, body),) = backend.questions
    assert body["question"] == typed
    assert request.headers["x-request-id"]
    assert page.one("h1").text() == typed


async def test_answer_shows_each_sentence_with_its_evidence(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Sentences link to numbered sources, which give title, headings, page, version and quote."""
    backend.answers(
        answer(
            sentences=[
                {"text": "Five days.", "citations": [1, 2], "support": "supported"},
                {"text": "Until March.", "citations": [2, 9], "support": "supported"},
            ],
            citations=[
                citation(1),
                citation(2, title="Agreement", page=None, heading_path=[], quote="Until 31 March."),
            ],
        )
    )
    response, page = await ask(browser, "How many days?")

    assert response.status_code == 200
    first, second = page.css(".sentence")
    assert [a.attributes["href"] for a in first.css("a")] == ["#source-1", "#source-2"]
    assert [a.text() for a in first.css("a")] == ["[1]", "[2]"]
    # Nothing stands behind number 9, so no link promises it.
    assert [a.text() for a in second.css("a")] == ["[2]"]
    source = " ".join(page.one("#source-1").text().split())
    for said in (
        "Leave handbook",
        "Annual leave \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} Carrying",
        "Page 4",
        "Version 3",
    ):
        assert said in source
    assert page.one("#source-1 blockquote").text() == "Up to five days may be carried over."
    assert "Page" not in page.one("#source-2 .place").text()
    links = [str(a.attributes["href"]) for a in page.css("#source-2 .ways a")]
    assert links == [
        f"/documents/{DOCUMENT}?v=3&start=120&end=156#passage",
        f"/documents/{DOCUMENT}/original",
        "#sentence-1",
        "#sentence-2",
    ]
    assert "Quoted, not written" in page.words(".label")
    assert "23 November 2026, 13:05 UTC" in page.words(".provenance")
    assert page.css("#result")[0].attributes["tabindex"] == "-1"


async def test_written_answer_names_its_author_and_its_doubts(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A generated answer is not called quoted, and a sentence without support says so in words."""
    backend.answers(
        answer(
            answer_mode="generated",
            sentences=[{"text": "Perhaps.", "citations": [], "support": "unverified"}],
            served_by={"provider": "openai", "model": "m-1", "cache": "hit", "switch": None},
            degraded=["budget_exhausted", "moon_phase"],
            notices=["Two documents disagree."],
            documents_as_of=None,
            follow_ups=["What does “Guide” say about “Size”?"],
        )
    )
    _, page = await ask(browser, "Is it?")

    assert page.words(".label").startswith("Written by a language model.")
    assert page.words("form.follow-up button") == "What does “Guide” say about “Size”?"
    (asks,) = page.css("form.follow-up input[name=question]")
    assert asks.attributes["value"] == "What does “Guide” say about “Size”?"
    assert not page.css(".provenance")
    assert page.words(".unverified").startswith("Not verified")
    notices = [notice.text() for notice in page.css(".notice")]
    assert notices[0] == "Two documents disagree."
    assert "budget" in notices[1]
    assert "(moon_phase)" in notices[2]
    said = page.words("main > .reference")
    assert said == f"Saved answer. Answered by openai (m-1). Reference of this answer: {ANSWER}"


HEADINGS = {
    AnswerStatus.ANSWERED: "Answer",
    AnswerStatus.PARTIAL: "Part of an answer",
    AnswerStatus.NO_EVIDENCE: "Not in these documents",
    AnswerStatus.NOT_SUPPORTED: "No answer that the documents support",
    AnswerStatus.CLARIFICATION: "Please say more",
    AnswerStatus.REFUSED_INPUT: "This question was not taken",
    AnswerStatus.REFUSED_OUTPUT: "The answer is held back",
}


@pytest.mark.parametrize("status", list(AnswerStatus))
async def test_every_status_has_words(
    browser: Browser, backend: ScriptedBackend, status: AnswerStatus
) -> None:
    """Each status is a heading and, unless it is a whole answer, a sentence on what it means."""
    backend.answers(answer(status=status, see_also=[citation(5)]))
    response, page = await ask(browser, "Well?")

    assert response.status_code == 200
    assert page.words("h2#result") == HEADINGS[status]
    assert bool(page.css(".meaning")) == (status is not AnswerStatus.ANSWERED)
    further = status in {AnswerStatus.ANSWERED, AnswerStatus.PARTIAL}
    assert page.words("#more-heading") == ("See also" if further else "Closest passages")
    assert status.value not in page.one("body").text() or status is AnswerStatus.ANSWERED


async def test_no_answer_shows_the_closest_passages(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Where the documents hold no answer there are no sentences, but the nearest passages."""
    near = [citation(n, quote=f"Passage {n}.", start=n) for n in (1, 2, 3)]
    backend.answers(
        answer(
            status="unanswerable_no_evidence", sentences=[], citations=[], see_also=near, answer=""
        )
    )
    _, page = await ask(browser, "Who owns the moon?")

    assert not page.css(".sentence")
    assert not page.css(".sources")
    assert not page.css(".label")
    assert [q.text() for q in page.css(".more blockquote")] == [
        "Passage 1.",
        "Passage 2.",
        "Passage 3.",
    ]


async def test_backend_of_a_neighbouring_version_is_understood(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A status yet unknown, fields yet unknown and missing fields still make a page."""
    backend.answers({"status": "escalated", "novelty": {"a": 1}})
    response, page = await ask(browser, "Well?")

    assert response.status_code == 200
    assert "escalated" in page.words(".meaning")


@pytest.mark.parametrize("question", ["", "   \n\t "])
async def test_empty_question_is_named_as_the_mistake(
    browser: Browser, backend: ScriptedBackend, question: str
) -> None:
    """A form without a question comes back as 422 with a summary that leads to the field."""
    response, page = await ask(browser, question)

    assert response.status_code == 422
    assert backend.asked == []
    assert page.one("title").text().startswith("Error: Enter a question")
    assert page.value("#result a", "href") == "#question"
    field = page.one("#question")
    assert field.attributes["aria-invalid"] == "true"
    described = str(field.attributes["aria-describedby"]).split()
    assert all(page.css(f"#{name}") for name in described)
    assert "question-mistake" in described


async def test_long_question_is_kept_and_refused(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """One character too many is 422, all of it kept in the box; the limit itself is served."""
    backend.answers(answer())
    longest = "ä" * MAX_QUESTION_CHARACTERS
    served, _ = await ask(browser, longest)
    response, page = await ask(browser, longest + "x")

    assert served.status_code == 200
    assert response.status_code == 422
    assert len(backend.questions) == 1
    assert "2,000 characters or fewer" in page.words("#result")
    assert page.one("#question").text() == longest + "x"


@pytest.mark.parametrize(
    ("status", "code", "heading"),
    [
        (500, "vector_store_unavailable", "The search is not available"),
        (503, "overloaded", "The service is very busy"),
        (429, "rate_limited", "Too many questions in a short time"),
        (503, "maintenance", "The service is being maintained"),
        (503, "generation_unavailable", "Answers cannot be written at the moment"),
        (503, "cache_only_miss", "Only saved answers are available"),
        (503, "embedder_unavailable", "The search is not available"),
        (503, "object_storage_unavailable", "The documents cannot be opened"),
        (504, "deadline_exceeded", "The service is taking too long"),
        (413, "payload_too_large", "That is too long"),
        (401, "unheard_of", "You need to sign in"),
        (403, "unheard_of", "This is not open to you"),
        (500, "internal", "Something went wrong"),
        (418, "unheard_of", "The request was not taken"),
    ],
)
async def test_every_error_has_kind_words_and_its_status(
    browser: Browser, backend: ScriptedBackend, status: int, code: str, heading: str
) -> None:
    """An error keeps its HTTP status and wait, says what to do, and keeps the question."""
    secret = "Traceback: qdrant at 10.0.0.7 refused"
    backend.fails(
        problem(status, code, detail="" if code == "maintenance" else secret, retry_after="42")
    )
    response, page = await ask(browser, "What now?")

    assert response.status_code == status
    assert response.headers["retry-after"] == "42"
    assert page.words("h2#result") == heading
    assert page.one("#question").text() == "What now?"
    assert "still in the box" in page.words(".alert")
    assert "backend-7" in page.words(".alert")
    assert "10.0.0.7" not in response.text
    assert len(page.css("h1")) == 1


async def test_passages_are_shown_where_no_answer_can_be_written(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """An outage of all models still shows the quotes that were found, with their places."""
    found = {"document_id": "d-1", "title": "Leave", "quote": "Leave lasts 30 days.", "page": 7}
    body = {"code": "generation_unavailable", "request_id": "backend-7", "passages": [found]}
    backend.fails(JSONResponse(body, 503))
    response, page = await ask(browser, "How long is leave?")

    assert response.status_code == 503
    assert page.words("blockquote") == "Leave lasts 30 days."
    assert page.words("#passages-heading") == "What fits your question best"
    assert (page.css(".ways a")[0].attributes["href"] or "").startswith("/documents/d-1?")


async def test_wait_is_given_in_words(browser: Browser, backend: ScriptedBackend) -> None:
    """Seconds become the words that people use; nonsense becomes no promise at all."""
    said = {}
    for header in ("1", "42", "120", "5400", "Wed, 21 Oct 2026 07:28:00 GMT", "-3"):
        backend.fails(problem(429, "rate_limited", retry_after=header))
        _, page = await ask(browser, "Again?")
        said[header] = page.words(".alert")
    assert "Try again in 1 second." in said["1"]
    assert "Try again in 42 seconds." in said["42"]
    assert "Try again in about 2 minutes." in said["120"]
    assert "Try again in about 2 hours." in said["5400"]
    assert "Try again in a minute." in said["-3"]
    assert "Try again in a minute." in said["Wed, 21 Oct 2026 07:28:00 GMT"]


async def test_operators_message_is_shown_in_maintenance(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """During maintenance readers see what the operator wrote for them."""
    backend.fails(problem(503, "maintenance", detail="Back at 14:00.", retry_after="600"))
    _, page = await ask(browser, "Open?")

    assert "Back at 14:00." in page.words(".alert")


async def test_backends_objection_to_a_question_stands_at_the_field(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """What the backend finds wrong with a question is shown where the question is mended."""
    backend.fails(problem(422, "invalid_request", detail="The question has no words in it."))
    response, page = await ask(browser, "???")

    assert response.status_code == 422
    assert "no words in it" in page.words("#question-mistake")
    assert page.one("#question").text() == "???"
