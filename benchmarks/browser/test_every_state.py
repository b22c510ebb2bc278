"""Every state of every route in a real browser: no barrier, no sideways scrolling, no escape."""

import json
import time
from collections.abc import Iterator

import pytest
from babel import Locale
from benchmarks.browser.barriers import BarrierScan
from benchmarks.browser.conftest import results, scripted_page, window
from playwright.sync_api import Browser
from starlette.routing import Route
from tests.web.conftest import ScriptedBackend
from tests.web.pseudo import PseudoTranslations
from tests.web.signing_in import GOOD_KEY, SECRET, knows_people
from tests.web.test_protection import HOSTILE
from tests.web.tour import State, states

from info_assistant.web import condition
from info_assistant.web.app import create_frontend
from info_assistant.web.languages import FRENCH, Language
from info_assistant.web.rendering import Look
from info_assistant.web.sign_in import SignInConfig

WORDS = "Up to five days of annual leave may be carried over. "
NARROW = {"width": 320, "height": 640}
NOT_PAGES = ("/static/", "/livez", "/readyz", "/metrics", "/events", "/original")
SIGN_IN = SignInConfig(SECRET)


def pages(text: str) -> Iterator[State]:
    """Yield every state that a reader sees."""
    for state in states(text):
        if state.status != 303 and not any(part in state.path for part in NOT_PAGES):
            yield state


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each first page ask anew how the service is."""
    monkeypatch.setattr(condition, "_FRESH_S", 0.0)


def arrange(backend: ScriptedBackend, state: State) -> None:
    """Let the backend reply as the state needs."""
    backend.replies.clear()
    state.arrange(backend)


@pytest.mark.timeout(60)
def test_a_barrier_would_be_found(chromium: Browser, barriers: BarrierScan) -> None:
    """Axe and pa11y each tell of a picture without words and of words too pale to read."""
    page = chromium.new_page()
    page.set_content(_BARRED)
    found = barriers.findings(page)
    page.close()
    for each in ("axe image-alt", "axe color-contrast", "pa11y WCAG2AA.Principle1.Guideline1_1"):
        assert any(finding.startswith(each) for finding in found), (each, found)
    assert any("Guideline1_4.1_4_3" in finding for finding in found), found


_BARRED = """<!doctype html><html lang="en"><title>Barred</title><main><h1>Barred</h1>
<img src="data:,"><p style="color: #ccc; background: #fff">Pale</p></main>"""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_state_has_a_barrier(chromium: Browser, barriers: BarrierScan, scheme: str) -> None:
    """Neither axe nor pa11y finds anything on any page or error, light or dark."""
    backend = ScriptedBackend()
    began, found, seen = time.monotonic(), {}, 0
    barriers.warnings.clear()
    options = {"color_scheme": scheme, "bypass_csp": True}
    with scripted_page(backend) as url, window(chromium, url, **options) as each:
        for state in pages(WORDS):
            arrange(backend, state)
            each.visit(state)
            seen += 1
            if findings := barriers.findings(each.page):
                found[state.name] = findings
    results[f"barriers-{scheme}"] = {
        "states": seen,
        "findings": sum(map(len, found.values())),
        "warnings of pa11y": dict(barriers.warnings),
        "seconds": round(time.monotonic() - began),
    }
    assert found == {}, json.dumps(found, indent=1)
    assert seen > 80


def test_every_route_has_a_visit() -> None:
    """The tour and the pages for signing in leave out no route of the application."""
    application = create_frontend("http://backend", sign_in=SIGN_IN)
    routes = {route.path for route in application.routes if isinstance(route, Route)}
    assert routes - {state.route for state in states(WORDS)} == {"/sign-in", "/sign-out"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signing_in_has_no_barrier(chromium: Browser, barriers: BarrierScan, scheme: str) -> None:
    """Neither have the form for a key, its mistakes, the pages of who is signed in, the end."""
    backend = ScriptedBackend()
    knows_people(backend)
    found = []
    options = {"color_scheme": scheme, "bypass_csp": True}
    with (
        scripted_page(backend, sign_in=SIGN_IN) as url,
        window(chromium, url, **options) as each,
    ):
        each.page.goto(url)
        found += barriers.findings(each.page)
        for key in ("", "no such key", GOOD_KEY):
            each.page.locator("#key").fill(key)
            each.page.locator("form.sign-in button").click()
            each.page.wait_for_load_state()
            found += barriers.findings(each.page)
        assert each.page.locator(".visitor").is_visible()
        each.page.locator(".visitor button").click()
        each.page.wait_for_load_state()
        found += barriers.findings(each.page)
    assert found == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_nothing_scrolls_sideways_at_320_pixels(chromium: Browser, direction: str) -> None:
    """At 320 px, which is 1280 px at 400 %, all is within reach and large enough to hit."""
    backend = ScriptedBackend()
    arabic = Language("ar", Locale("ar"), PseudoTranslations())
    look = Look(languages=(FRENCH,) if direction == "ltr" else (arabic,))
    wide, small, seen = {}, {}, 0
    with scripted_page(backend, look=look) as url, window(chromium, url, viewport=NARROW) as each:
        for state in pages(WORDS):
            arrange(backend, state)
            each.visit(state)
            seen += 1
            each.page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
            if each.page.evaluate("document.documentElement.scrollWidth") > NARROW["width"]:
                wide[state.name] = each.page.evaluate(_BEYOND)
            if tiny := each.page.evaluate(_TINY):
                small[state.name] = tiny
        assert each.page.evaluate("document.dir") == direction
    found = {"states": seen, "sideways": len(wide), "too small": len(small)}
    results[f"320-pixels-{direction}"] = found
    assert (wide, small) == ({}, {})


_BEYOND = """[...document.querySelectorAll("main *")]
  .map((e) => [e, e.getBoundingClientRect()])
  .filter(([, r]) => r.right > innerWidth + 1 || r.left < -1)
  .map(([e]) => e).map((e) => e.outerHTML.slice(0, 120))"""

# Links within a sentence may be as small as their words (WCAG 2.5.8, inline).
_TINY = """[...document.querySelectorAll("button, summary, textarea, input, .ways a, nav a, .cite")]
  .filter((e) => e.type !== "hidden" && e.checkVisibility())
  .map((e) => [e, e.getBoundingClientRect()])
  .filter(([, r]) => r.height < 23.9 || r.width < 23.9)
  .map(([e]) => e).map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.timeout(1200)
def test_nothing_that_documents_say_is_run(chromium: Browser) -> None:
    """With attacks in every word: no dialog, no error, no breach of the policy, no other origin."""
    backend = ScriptedBackend()
    with scripted_page(backend) as url, window(chromium, url) as each:
        for state in pages(HOSTILE):
            arrange(backend, state)
            each.visit(state)
            each.page.wait_for_timeout(20)
        assert each.complaints == []
        assert {address for address in each.asked if not address.startswith(f"{url}/")} == set()
    assert len(each.asked) > 200
