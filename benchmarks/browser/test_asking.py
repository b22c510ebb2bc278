"""Asking in a real browser: by keyboard alone, without JavaScript, through broken connections."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.browser.conftest import Window, window
from playwright.sync_api import Browser, expect
from tests.conftest import RunningStack, running_stack
from tests.web.live_backend import SENTENCES, LiveBackend, live_page

QUESTION = "How many days of annual leave can be carried over?"
FINISHED = "section.answer:not([aria-busy]) #result"

# Notes every word that a live region says, from the first moment of each page.
LISTEN = """
window.said = JSON.parse(sessionStorage.getItem("said") ?? "[]");
const note = (node) => {
  const region = (node.nodeType === 1 ? node : node.parentElement)?.closest("[role=status]");
  const words = region?.textContent.trim();
  if (words && said.at(-1) !== words) said.push(words);
  sessionStorage.setItem("said", JSON.stringify(said));
};
new MutationObserver((changes) => changes.forEach((change) => note(change.target)))
  .observe(document, { subtree: true, childList: true, characterData: true });
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """Yield the real product with the samples in it."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as running:
        yield running


def tab_to(each: Window, selector: str, most: int = 60) -> None:
    """Press Tab until the focus is on what `selector` finds, and see that it shows."""
    for _ in range(most):
        each.page.keyboard.press("Tab")
        at = "document.activeElement"
        if each.page.evaluate(f"{at}.matches({selector!r})"):
            style = each.page.evaluate(f"getComputedStyle({at}).outlineStyle")
            assert style != "none", f"{selector} shows no focus"
            return
    pytest.fail(f"the keyboard does not come to {selector}")


@pytest.mark.timeout(900)
def test_the_keyboard_alone_is_enough(chromium: Browser, stack: RunningStack) -> None:
    """Skip link, question, answer, source, passage, back, follow-up, feedback: no mouse."""
    with window(chromium, stack.frontend_url) as each:
        page = each.page
        page.goto(each.url)
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        tab_to(each, "#question", 2)
        page.keyboard.type(QUESTION)
        tab_to(each, "form.ask > button", 2)
        page.keyboard.press("Enter")
        expect(page.locator(FINISHED)).to_be_focused()
        tab_to(each, ".cite", 3)
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id").startswith("source-")
        tab_to(each, ".ways a[href*='passage']", 3)
        page.keyboard.press("Enter")
        expect(page.locator("mark").first).to_be_in_viewport()
        page.go_back()
        tab_to(each, "#question", 80)
        page.keyboard.type("And when do they lapse?")
        tab_to(each, "form.ask > button", 2)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("And when do they lapse?")
        tab_to(each, "[value=wrong]", 99)
        page.keyboard.press("Enter")
        expect(page.locator(".thanks")).to_be_visible()
        assert each.complaints == []


@pytest.mark.timeout(900)
def test_everything_works_without_javascript(chromium: Browser, stack: RunningStack) -> None:
    """Ask, read, follow up, look at the source, say that it is wrong, delete the conversation."""
    with window(chromium, stack.frontend_url, java_script_enabled=False) as each:
        page = each.page
        page.goto(each.url)
        page.locator("#question").fill(QUESTION)
        page.locator("form.ask > button").click()
        expect(page.locator(FINISHED)).to_be_visible(timeout=30_000)
        expect(page.locator("[data-print]")).to_be_hidden()
        page.locator("summary").first.click()
        address = page.url
        page.locator(".sources .ways a").first.click()
        expect(page.locator("mark").first).to_be_in_viewport()
        page.goto(address)
        page.locator("#comment").fill("It is ten days.")
        page.locator("[value=wrong]").click()
        expect(page.locator(".thanks")).to_be_visible()
        page.locator("form.ask #question").fill("And when do they lapse?")
        page.locator("form.ask > button").click()
        expect(page.locator(FINISHED)).to_be_visible(timeout=30_000)
        page.locator(".pages a[href='/conversations']").click()
        kept = page.locator(".document").count() - 1  # Other tests have asked as well.
        page.locator(".document a").first.click()
        expect(page.locator(".turns > li")).to_have_count(2)
        page.locator("button.danger").click()
        expect(page.locator(".thanks")).to_be_visible()
        expect(page.locator(".document")).to_have_count(kept)


@pytest.mark.timeout(900)
def test_each_stage_is_told_once_and_the_reader_is_brought_to_the_answer(
    chromium: Browser,
) -> None:
    """Stages are said politely and once, sentences are not read out, focus goes to the answer."""
    backend = LiveBackend()
    with live_page(backend) as url, window(chromium, url) as each:
        page = each.page
        page.add_init_script(LISTEN)
        page.goto(url)
        page.locator("#question").fill(QUESTION)
        page.locator("form.ask > button").click()
        expect(page.locator(".released .words")).to_have_text(list(SENTENCES))
        assert page.locator("[role=status] .words, [aria-live] .words, [role=alert]").count() == 0
        backend.go.set()
        expect(page.locator(FINISHED)).to_be_focused()
        said = page.evaluate("said")
        assert len(said) == len(set(said))
        assert said[0].startswith("Searching")
        assert said[-2:] == [
            "Writing the answer and checking each sentence…",
            "The answer is ready.",
        ]
        # What a screen reader finds where the focus is: the answer, with its sentences below.
        expect(page.locator("section.answer")).to_match_aria_snapshot(
            '- region "Answer":\n  - heading "Answer" [level=2]\n  - paragraph\n  - paragraph'
        )
        assert each.complaints == []


@pytest.mark.timeout(900)
def test_a_reload_in_the_middle_loses_nothing(chromium: Browser) -> None:
    """Whoever loads the page anew sees the same sentences, and then the whole answer."""
    backend = LiveBackend()
    with live_page(backend) as url, window(chromium, url) as each:
        page = each.page
        page.goto(url)
        page.locator("#question").fill(QUESTION)
        page.locator("form.ask > button").click()
        expect(page.locator(".released .words")).to_have_text(list(SENTENCES))
        page.reload()
        expect(page.locator("h1")).to_have_text(QUESTION)
        expect(page.locator(".released .words")).to_have_text(list(SENTENCES))
        backend.go.set()
        expect(page.locator(FINISHED)).to_be_visible()


@pytest.mark.timeout(900)
def test_a_stream_that_breaks_is_taken_up_again(chromium: Browser) -> None:
    """After a break the browser goes on from its last event; no sentence comes twice or is lost."""
    backend = LiveBackend(breaks_at=2)
    with live_page(backend) as url, window(chromium, url) as each:
        page = each.page
        page.goto(url)
        page.locator("#question").fill(QUESTION)
        page.locator("form.ask > button").click()
        expect(page.locator(".progress")).to_have_text(re.compile("The connection was lost"))
        expect(page.locator(".progress")).not_to_have_text(
            re.compile("The connection was lost"), timeout=20_000
        )
        expect(page.locator(".released .words")).to_have_text(list(SENTENCES))
        backend.go.set()
        expect(page.locator(FINISHED)).to_be_visible()
    assert backend.resumed[-1] == "4"


@pytest.mark.timeout(900)
def test_stop_ends_the_answer(chromium: Browser) -> None:
    """The button stops the work, and the page says so with the question in the box."""
    backend = LiveBackend()
    with live_page(backend) as url, window(chromium, url) as each:
        page = each.page
        page.goto(url)
        page.locator("#question").fill(QUESTION)
        page.locator("form.ask > button").click()
        page.locator("form.stop button").click()
        expect(page.locator("#result")).to_have_text("This answer was not finished")
        expect(page.locator("#question")).to_have_value(QUESTION)
        assert backend.left.is_set()


def test_copying_takes_the_sources_along(chromium: Browser, stack: RunningStack) -> None:
    """The button puts question, answer and sources on the clipboard, and says so."""
    allowed = {"permissions": ["clipboard-read", "clipboard-write"]}
    with window(chromium, stack.frontend_url, **allowed) as each:
        page = each.page
        page.goto(each.url)
        page.locator("#question").fill(QUESTION)
        page.locator("form.ask > button").click()
        page.locator(".tools summary").click()
        page.locator("[data-copy]").click()
        expect(page.locator(".tools [role=status]")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(QUESTION)
        assert "[1] Leave policy" in copied
