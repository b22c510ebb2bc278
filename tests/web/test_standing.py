"""Whether a document counts: held back, superseded, not yet in effect, its marking."""

from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse
from tests.web.conftest import (
    DOCUMENT,
    Page,
    ScriptedBackend,
    answer,
    citation,
    document,
    paragraphs,
    text_reply,
)
from tests.web.test_ask import ask

Browser = httpx2.AsyncClient
WITHDRAWN = {"kind": "withdrawn", "reason": "Replaced by the <new> guide.", "since": None}
QUARANTINED = {"kind": "quarantined", "reason": "Addresses in it.", "since": None}


async def test_the_list_says_what_counts(browser: Browser, backend: ScriptedBackend) -> None:
    """State, reason, dates and marking are in plain words; what is closed has no link."""
    backend.replies["GET /v1/documents"] = JSONResponse(
        {
            "documents": [
                document(state="withdrawn", hold=WITHDRAWN),
                document(state="withdrawn", hold=QUARANTINED),
                document(superseded="2020-01-31", marking="OFFICIAL", review_by="2019-05-01"),
                document(effective="2999-01-01"),
                document(superseded="2999-01-01", effective="2020-01-01"),
                document(hold={"kind": "embargoed", "reason": "Not yet."}, state="withdrawn"),
            ],
            "next": None,
        }
    )
    page = Page(await browser.get("/documents"))
    told = [each.text() for each in page.css("li.document")]
    for said, words in (
        (0, "Withdrawn: answers do not use this document. Replaced by the <new> guide."),
        (1, "In quarantine: answers do not use this document, and readers cannot open it."),
        (2, "Superseded on 31 January 2020: it counts no more."),
        (2, "Protective marking: OFFICIAL"),
        (2, "Was to be reviewed by 1 May 2019"),
        (3, "Takes effect on 1 January 2999: it does not count yet."),
        (5, "Held back: answers do not use this document. Not yet."),
    ):
        assert words in told[said]
    assert not any(word in told[4] for word in ("Superseded", "Takes effect"))
    links = [bool(each.css("h2 a")) for each in page.css("li.document")]
    assert links == [True, False, True, True, True, False]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hold": WITHDRAWN}, "Withdrawn: answers do not use this document."),
        ({"superseded": "2020-01-31"}, "Superseded on 31 January 2020"),
        ({"marking": "OFFICIAL"}, "OFFICIAL"),
    ],
)
async def test_the_document_s_page_says_so(
    browser: Browser, backend: ScriptedBackend, fields: dict[str, Any], words: str
) -> None:
    """Whoever comes from a quotation reads first whether the document counts."""
    reply = text_reply(paragraphs("Words."), highlights=[], **fields)
    backend.replies[f"GET /v1/documents/{DOCUMENT}/text"] = JSONResponse(reply)
    response = await browser.get(f"/documents/{DOCUMENT}")
    assert words in Page(response).one("main").text()


async def test_a_citation_says_so(browser: Browser, backend: ScriptedBackend) -> None:
    """Each quotation of a superseded document carries that, beside the notice on the answer."""
    old = citation(1, superseded="2020-01-31", marking="OFFICIAL")
    backend.answers(answer(citations=[old], notices=["This answer rests on an old document."]))
    response, _ = await ask(browser, "How many days?")
    assert "Superseded on 31 January 2020" in response.text
    assert "This answer rests on an old document." in response.text
