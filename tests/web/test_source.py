"""A document's text with the cited passage marked, its file, and the list of documents."""

import re
from urllib.parse import unquote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response
from tests.web.conftest import (
    DOCUMENT,
    Page,
    ScriptedBackend,
    document,
    paragraphs,
    problem,
    text_reply,
)

from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.web.marking import PART_CHARACTERS, Layout
from info_assistant.web.replies import DocumentText, Highlight

Browser = httpx2.AsyncClient

HEADER = "Years | Days"
MIXED = Reading(
    (
        Block(BlockKind.HEADING, "Annual leave", page=1, level=1),
        Block(BlockKind.PARAGRAPH, "Everyone has leave.\nIt depends on hours.", page=1),
        Block(BlockKind.LIST_ITEM, "Ask first.", page=1, level=1),
        Block(BlockKind.LIST_ITEM, "Say why.", page=1, level=2),
        Block(BlockKind.TABLE_ROW, HEADER, page=2, table_header=HEADER),
        Block(BlockKind.TABLE_ROW, "1 to 5 | 25", page=2, table_header=HEADER),
        Block(BlockKind.CODE, "\nleave --days 5", page=2),
    )
)

# Control characters and lone surrogates are what HTML itself cannot carry.
_words = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Draw a document of up to eight blocks of every kind."""
    blocks = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(BlockKind))
        table = kind is BlockKind.TABLE_ROW
        cells = draw(st.lists(_words, min_size=1, max_size=3)) if table else [draw(_words)]
        page, level = draw(st.integers(1, 2)), draw(st.integers(1, 8))
        header = draw(st.sampled_from(["", HEADER])) if table else ""
        blocks.append(Block(kind, " | ".join(cells), page, level, header))
    return Reading(tuple(blocks))


def between_blocks_dropped(reading: Reading, start: int, end: int) -> str:
    """Return text[start:end] without what stands between blocks and between cells."""
    kept = []
    for placed in reading.placed():
        for at, character in enumerate(placed.block.text, start=placed.start):
            if start <= at < end:
                kept.append((at, character))
        if placed.block.kind is BlockKind.TABLE_ROW:
            cells = placed.block.text.split(" | ")
            at = placed.start
            for cell in cells:
                at += len(cell)
                kept = [one for one in kept if not at <= one[0] < at + 3 or one[0] >= placed.end]
                at += 3
    return "".join(character for _, character in kept)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reading=readings(), data=st.data())
async def test_exactly_the_cited_characters_are_marked(
    browser: Browser, backend: ScriptedBackend, reading: Reading, data: st.DataObject
) -> None:
    """Any stretch is marked from its first to its last character, across all kinds of blocks."""
    start = data.draw(st.integers(0, len(reading.text) - 1))
    end = data.draw(st.integers(start + 1, len(reading.text)))
    backend.holds(reading)
    response = await browser.get(f"/documents/{DOCUMENT}?v=3&start={start}&end={end}")
    page = Page(response)

    marked = page.css("article mark")
    expected = between_blocks_dropped(reading, start, end)
    assert "".join(mark.text() for mark in marked) == expected
    anchored = [mark.attributes.get("id") for mark in marked]
    assert anchored == (["passage"] + [None] * (len(marked) - 1) if marked else [])
    whole = "".join(
        element.text()
        for element in page.css("article :is(h2,h3,h4,h5,h6,li,th,td,code,p:not(.page))")
    )
    assert whole == between_blocks_dropped(reading, 0, len(reading.text))


def test_overlapping_highlights_are_one_mark() -> None:
    """Highlights in any order, overlapping or empty, mark each character once."""
    text = DocumentText.model_validate(text_reply(paragraphs("0123456789"), highlights=[]))
    spans = ((6, 8), (2, 5), (4, 6), (9, 9), (7, 3))
    layout = Layout(text.blocks, [Highlight(start=start, end=end) for start, end in spans])
    (sheet,) = layout.part(None).sheets
    pieces = sheet.groups[0].lines[0].cells[0]

    assert [(piece.text, piece.marked) for piece in pieces] == [
        ("01", False),
        ("234567", True),
        ("89", False),
    ]


async def test_text_is_laid_out_as_the_document_is(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Headings, lists, tables with their header row, listings and pages keep their form."""
    backend.holds(MIXED, title="Leave")
    response = await browser.get(f"/documents/{DOCUMENT}")
    page = Page(response)

    assert [h.text() for h in page.css("h1")] == ["Leave"]
    assert page.one("article h2").text() == "Annual leave"
    assert [item.text() for item in page.css("article ul li")] == ["Ask first.", "Say why."]
    assert [cell.text() for cell in page.css("article th")] == ["Years", "Days"]
    assert [cell.text() for cell in page.css("article td")] == ["1 to 5", "25"]
    assert page.one("article pre").text() == "\nleave --days 5"
    assert [mark.text().strip() for mark in page.css("article .page")] == ["Page 1", "Page 2"]
    assert not page.css("mark")
    assert not page.css("a[href='#passage']")


async def test_reader_is_told_when_the_document_has_changed(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Offsets of another version mark nothing: the page says so and leads to about the place."""
    backend.holds(paragraphs("One.", "Two.", "Three."), version=4)
    response = await browser.get(f"/documents/{DOCUMENT}?v=3&start=6&end=10")
    page = Page(response)

    assert response.status_code == 200
    assert not page.css("mark")
    notice = " ".join(page.one(".notice").text().split())
    assert "changed since it was quoted" in notice
    assert "version 3" in notice
    assert "version 4" in notice
    assert page.one("#passage").text() == "Two."


async def test_span_outside_the_text_shows_it_unmarked(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Where the backend refuses the span, the reader still gets the document, and is told."""
    reading = paragraphs("One.")

    backend.replies[f"GET /v1/documents/{DOCUMENT}/text"] = lambda request: (
        problem(422, "invalid_request")
        if "start" in request.query_params
        else JSONResponse(text_reply(reading, highlights=[]))
    )
    response = await browser.get(f"/documents/{DOCUMENT}?start=900&end=950")

    assert response.status_code == 200
    assert "could not be marked" in response.text
    assert "One." in response.text


@pytest.mark.parametrize(
    "query",
    ["start=a&end=b", "start=5&end=5", "start=9&end=2", "start=-1&end=4", "end=4",
     "start=%D9%A3&end=%D9%A5", f"start=0&end={'9' * 5000}", "part=x", "part=0", "part=999",
     "v=%00"],
)  # fmt: skip
async def test_odd_addresses_show_the_document(
    browser: Browser, backend: ScriptedBackend, query: str
) -> None:
    """Numbers that are none are left out; nobody gets an error for a mangled link."""
    backend.holds(MIXED)
    response = await browser.get(f"/documents/{DOCUMENT}?{query}")

    assert response.status_code == 200
    assert "mark" not in [node.tag for node in Page(response).css("article *")]
    assert all("start" not in request.query_params for request, _ in backend.asked)


async def test_long_document_comes_in_parts(browser: Browser, backend: ScriptedBackend) -> None:
    """The part with the passage is shown, with all of the passage, and ways to the other parts."""
    texts = [f"{number} " + "w" * 997 for number in range(200)]
    backend.holds(paragraphs(*texts))
    start = sum(len(text) + 2 for text in texts[:100])
    first = Page(await browser.get(f"/documents/{DOCUMENT}"))
    cited = await browser.get(f"/documents/{DOCUMENT}?start={start}&end={start + 90_000}")
    page = Page(cited)

    assert sum(len(p.text()) for p in first.css("article p")) <= PART_CHARACTERS
    assert first.css("article p")[0].text() == texts[0]
    assert [a.attributes["href"] for a in first.css("nav.parts")[0].css("a")] == [
        f"/documents/{DOCUMENT}?part=2"
    ]
    marked = page.css("mark")
    assert marked[0].attributes["id"] == "passage"
    assert marked[0].text() == texts[100]
    assert sum(len(mark.text()) for mark in marked) == 90_000 - 2 * (len(marked) - 1)
    seen = []
    for part in range(1, 12):
        shown = Page(await browser.get(f"/documents/{DOCUMENT}?part={part}"))
        seen += [p.text() for p in shown.css("article p")]
    assert list(dict.fromkeys(seen)) == texts


async def test_document_without_text_says_so(browser: Browser, backend: ScriptedBackend) -> None:
    """An empty text is not an empty page; what could not be read is told."""
    backend.holds(Reading((), notes=("Page 1 has no text layer.",)))
    response = await browser.get(f"/documents/{DOCUMENT}?start=0&end=5")

    assert response.status_code == 200
    assert "This document has no text." in response.text
    assert "Page 1 has no text layer." in response.text


@pytest.mark.parametrize("path", ["/documents/nope", f"/documents/{DOCUMENT}/x", "/static/app.py"])
async def test_unknown_address_is_a_page_of_ours(browser: Browser, path: str) -> None:
    """An address that leads nowhere is 404 in plain words."""
    response = await browser.get(path)

    assert response.status_code == 404
    assert Page(response).one("h1").text() == "Page or document not found"


@pytest.mark.parametrize("rest", ["", "/original"])
async def test_unknown_document_is_not_found(browser: Browser, rest: str) -> None:
    """A document that the backend does not know, or hides, is 404 in plain words."""
    response = await browser.get(f"/documents/{DOCUMENT}{rest}")

    assert response.status_code == 404
    assert Page(response).one("h1").text() == "Page or document not found"


@pytest.mark.parametrize(
    ("source", "media_type", "saved_as", "sent_as"),
    [
        ("handbook/leave.pdf", "application/pdf", "leave.pdf", "application/pdf"),
        ("notes.txt", "text/plain; charset=utf-8", "notes.txt", "text/plain"),
        ("a/evil.html", "text/html", "evil.html", "application/octet-stream"),
        ("x.svg", "image/svg+xml", "x.svg", "application/octet-stream"),
        ("Übersicht 🙂.csv", "text/csv", "Übersicht 🙂.csv", "text/csv"),
        ('q"; x="a.exe\r\nX-Evil: 1', "", "q; x=a.exeX-Evil 1", "application/octet-stream"),
        ("..\\..\\..", "", "document", "application/octet-stream"),
        ("/", "", "Leave handbook", "application/octet-stream"),
    ],
)  # fmt: skip
async def test_original_is_saved_never_shown(
    browser: Browser,
    backend: ScriptedBackend,
    source: str,
    media_type: str,
    saved_as: str,
    sent_as: str,
) -> None:
    """A document's own file is a download under a tame name, of a type that nothing runs."""
    backend.replies[f"GET /v1/documents/{DOCUMENT}"] = JSONResponse(
        document(source=source if source != "/" else "", media_type=media_type)
    )
    data = bytes(range(256)) * 50
    backend.replies[f"GET /v1/documents/{DOCUMENT}/original"] = Response(
        data, media_type="text/html", headers={"Content-Disposition": "inline"}
    )
    response = await browser.get(f"/documents/{DOCUMENT}/original")

    assert response.status_code == 200
    assert response.content == data
    assert response.headers["content-type"].partition(";")[0] == sent_as
    assert response.headers["content-length"] == str(len(data))
    shape = re.fullmatch(
        r"attachment; filename=\"([ -~]*)\"; filename\*=UTF-8''([\w.%~-]*)",
        response.headers["content-disposition"],
        re.ASCII,
    )
    assert shape is not None
    assert '"' not in shape[1]
    assert unquote(shape[2]) == saved_as
    assert "x-evil" not in response.headers


async def test_documents_are_listed_with_their_state(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Each document shows title, state in words, progress and detail; ready ones can be opened."""
    backend.replies["GET /v1/documents"] = JSONResponse(
        {
            "documents": [
                document(),
                document(state="indexing", progress={"done": 3, "total": 9, "unit": "passages"}),
                document(state="failed", title="", detail="This file is encrypted."),
                document(state="withdrawn"),
                document(state="dreaming", updated_at=None),
            ],
            "next": "abc/+&?",
        }
    )
    response = await browser.get("/documents?q=leave+%26+more")
    page = Page(response)

    assert response.status_code == 200
    assert [state.text() for state in page.css(".state")] == [
        "Ready",
        "Being made searchable: 3 of 9 passages",
        "Could not be read",
        "Withdrawn from answers",
        "dreaming",
    ]
    assert [a.attributes["href"] for a in page.css(".document h2 a")] == [f"/documents/{DOCUMENT}"]
    assert page.one(".bad .detail").text() == "This file is encrypted."
    assert page.one(".bad h2").text() == "handbook/leave.md"
    assert dict(backend.asked[0][0].query_params) == {"limit": "50", "q": "leave & more"}
    assert page.value("#q", "value") == "leave & more"

    await browser.get(str(page.css("nav.parts a")[-1].attributes["href"]))
    assert dict(backend.asked[1][0].query_params) == {
        "limit": "50",
        "q": "leave & more",
        "after": "abc/+&?",
    }


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "no documents yet"),
        ("?q=zzz", "No document matches"),
        ("?after=x", "no more documents"),
    ],
)
async def test_empty_list_says_why(
    browser: Browser, backend: ScriptedBackend, query: str, said: str
) -> None:
    """Nothing to show is said in words that fit the reason."""
    backend.replies["GET /v1/documents"] = JSONResponse({"documents": [], "next": None})
    response = await browser.get(f"/documents{query}")

    assert response.status_code == 200
    assert said in response.text


async def test_list_that_fails_is_a_page_in_words(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """An error of the backend on a page without a form is a page of its own."""
    backend.replies["GET /v1/documents"] = problem(
        500, "vector_store_unavailable", retry_after="30"
    )
    response = await browser.get("/documents")

    assert response.status_code == 500
    assert response.headers["retry-after"] == "30"
    assert Page(response).one("h1").text() == "The search is not available"
