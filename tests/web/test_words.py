"""What pages say in which language: catalogues that are complete, and the right one."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import httpx2
import pytest
from scripts.update_words import WEB, lacking, updated, written
from selectolax.lexbor import LexborNode
from tests.web.conftest import ANSWER, PAGE_URL, Page, ScriptedBackend, answer, citation
from tests.web.pseudo import PSEUDO
from tests.web.test_ask import ask
from tests.web.tour import states

from info_assistant.answering import conversation
from info_assistant.answering.conflicts import SOURCES_DIFFER
from info_assistant.api.problems import TABLE
from info_assistant.api.recorded import LEFT_OUT
from info_assistant.web import condition, troubles, words
from info_assistant.web.app import create_frontend
from info_assistant.web.brand import Brand
from info_assistant.web.languages import ENGLISH, FRENCH, Languages, Phrase
from info_assistant.web.rendering import Look

Browser = httpx2.AsyncClient
GREEK = "Ωμέγα"
CATALOGUES = sorted((WEB / "locale").glob("*.po"))
PLAIN = re.compile(r"[A-Za-z]+")
SAID = ("aria-label", "title", "alt", "placeholder", "content", "value")
NOT_SAID = {"code", "script", "style", "template"}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_catalogue_is_complete_and_up_to_date(path: Path) -> None:
    """Every text has a translation that fits; `make words` changes nothing."""
    catalog = updated(path)

    assert lacking(catalog) == []
    assert written(catalog) == path.read_bytes()


def test_sentences_of_the_backend_are_in_the_catalogues() -> None:
    """What the backend says word for word is what the catalogues know."""
    said = {LEFT_OUT, SOURCES_DIFFER, conversation._UNKNOWN_TURNS, conversation._NOT_KEPT}
    assert set(words.FROM_THE_BACKEND) == said
    assert all(FRENCH.knows(each) for each in said)
    assert not FRENCH.knows("Something that nobody has translated.")


def test_what_the_backend_refuses_has_words_of_its_own() -> None:
    """Each error that the backend tells has its own words, or its status has words that fit it."""
    codes = {error.code for error, row in TABLE.items() if not row.internal}
    by_status = {"unauthenticated", "personal_data_found", "answer_under_way", "resume_elsewhere"}
    unseen = {"redis_unavailable", "provider_error"}  # Translated before they leave the backend.
    assert codes - by_status - unseen - set(troubles._TROUBLES) == set()


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [
        (0, "in 0 seconds", "dans 0 seconde"),
        (1, "in 1 second", "dans 1 seconde"),
        (2, "in 2 seconds", "dans 2 secondes"),
        (1234, "in 1,234 seconds", "dans 1\u202f234 secondes"),
    ],
)
def test_numbers_take_the_form_of_the_language(number: int, english: str, french: str) -> None:
    """Plural forms and thousands are those of each language: none is singular in French only."""
    forms = ("in %(num)s second", "in %(num)s seconds", number)
    assert (ENGLISH.count(*forms), FRENCH.count(*forms)) == (english, french)


def test_dates_take_the_form_of_the_language() -> None:
    """Days, moments and days within a sentence are written as in each language."""
    day, at = date(2027, 1, 1), datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    superseded = Phrase("Superseded on %(day)s: it counts no more.", {"day": day})

    assert (ENGLISH.day(day), FRENCH.day(day)) == ("1 January 2027", "1 janvier 2027")
    assert ENGLISH.moment(at) == "3 November 2026, 09:05 UTC"
    assert FRENCH.moment(at) == "3 novembre 2026, 09:05 UTC"
    assert FRENCH.say(superseded) == "Remplacé le 1 janvier 2027\xa0: il ne fait plus foi."


@pytest.mark.parametrize(
    ("chosen", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "fr", "fr"),
        ("", "fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("", "de,en;q=0.5,fr;q=0.4", "en"),
        ("", "en;q=0.1, fr;q=0.2", "fr"),
        ("", "fr;q=0", "en"),
        ("", "*;q=zz,,;;", "en"),
        ("", "fr" * 50_000, "en"),
        ("en", "fr", "en"),
        ("fr", "en", "fr"),
        ("<xx>", "fr", "fr"),
    ],
)
def test_a_choice_goes_before_what_the_browser_prefers(
    chosen: str, accepted: str, code: str
) -> None:
    """The reader's own choice counts, then the browser's best that we have, then English."""
    assert Languages().choose(chosen, accepted).code == code


async def test_the_link_changes_the_language_and_leads_back(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A page names its own address in the link; the choice lasts, against the browser's wishes."""
    backend.answers(answer())
    _, page = await ask(browser, "How long?")
    link = page.value("footer a[hreflang=fr]", "href")
    changed = await browser.get(link, headers={"Accept-Language": "en"})
    there = await browser.get(changed.headers["location"], headers={"Accept-Language": "en"})
    shown = Page(there)

    assert shown.value("html", "lang") == there.headers["content-language"] == "fr"
    assert shown.words("h2#result") == "Réponse"
    assert shown.words("h1") == "How long?"
    assert (await browser.get("/")).headers["vary"] == "Accept-Language, Cookie"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_the_link_leads_to_this_site_only(browser: Browser, wanted: str) -> None:
    """Choosing a language cannot be made to lead elsewhere."""
    changed = await browser.get("/language/fr", params={"return_to": wanted})
    assert changed.headers["location"] == "/"


async def test_passages_say_which_language_they_are_in(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """On a French page quotations, and what the backend says in English alone, are marked so."""
    told = "This answer rests on an old document."
    backend.answers(answer(notices=[told], see_also=[citation(2)]))
    browser.headers["Accept-Language"] = "fr"
    _, page = await ask(browser, "How long?")

    assert page.value("html", "lang") == "fr"
    assert {quote.attributes["lang"] for quote in page.css("blockquote, .sentence")} == {"en"}
    assert page.one(".notice [lang=en]").text() == told
    assert page.value(".sentence .cite", "lang") == "fr"


async def test_nothing_is_said_that_no_catalogue_has(
    backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a language of strange letters, no page and no error shows a plain one."""
    monkeypatch.setattr(condition, "_FRESH_S", 0.0)
    look = Look(Brand(name=GREEK, footer=GREEK, contact="ω@ω"), (PSEUDO,))
    app = create_frontend(
        "http://backend", transport=httpx2.ASGITransport(app=backend.app), look=look
    )
    seen, left = 0, {}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL
    ) as browser:
        for state in states(GREEK):
            backend.replies.clear()
            state.arrange(backend)
            response = await state.visit(browser)
            if response.headers.get("content-type", "").startswith("text/html"):
                assert state.status in {response.status_code, 303}, state.name
                seen += 1
                if found := plain_words(Page(response)):
                    left[state.name] = found

    assert left == {}
    assert seen > 80


def plain_words(page: Page) -> set[str]:
    """Return what a page says in plain letters, to the eye or to a screen reader."""
    found: set[str] = set()
    for node in page.css("title, body, body *"):
        if _is_said(node):
            own = node.text(deep=False)
            attributes = [
                value
                for name, value in node.attributes.items()
                if value and (name in SAID or (name.startswith("data-") and " " in value))
                if node.tag != "input"
                and not (node.tag in {"button", "option"} and name == "value")
            ]
            found |= {
                word
                for each in (own, *attributes)
                for word in PLAIN.findall(each.replace(ANSWER, ""))
            }
    return found


def _is_said(node: LexborNode) -> bool:
    above: LexborNode | None = node
    while above is not None:
        if above.tag in NOT_SAID:
            return False
        above = above.parent
    return True
