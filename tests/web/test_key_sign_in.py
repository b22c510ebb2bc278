"""Signing in with an API key, over real sockets."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog
from structlog.testing import capture_logs
from tests.web.conftest import Page, ScriptedBackend, answer, problem
from tests.web.signing_in import (
    GOOD_KEY,
    SECRET,
    ask,
    browsing,
    cookies_of,
    heading,
    knows_people,
    submit,
    visiting,
)

from info_assistant.web.sign_in import SignInConfig

Browser = httpx2.AsyncClient


@pytest.fixture
async def browser(backend: ScriptedBackend) -> AsyncIterator[Browser]:
    """Yield a browser before a page that takes API keys."""
    knows_people(backend)
    backend.answers(answer())
    async with visiting(SignInConfig(SECRET), backend) as found:
        yield found


async def give_key(browser: Browser, form: httpx2.Response, key: str) -> httpx2.Response:
    """Type a key into the form of a page, and send it."""
    return await submit(browser, form, ".sign-in", "/sign-in", {"key": key})


async def test_key_opens_the_page_that_was_wanted(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Every page shows the form; a good key leads back to it, and goes with each question."""
    form = await browser.get("/documents?q=leave")
    assert form.status_code == 401
    done = await give_key(browser, form, f"  {GOOD_KEY}\n")
    assert (done.status_code, done.headers["location"]) == (303, "/documents?q=leave")

    page = await browser.get("/")
    assert Page(page).words(".visitor p") == "Signed in as Reading room, north"
    assert (await ask(browser, page, "Well?")).status_code == 200
    assert backend.asked[-1][0].headers["authorization"] == f"Bearer {GOOD_KEY}"
    assert GOOD_KEY not in " ".join(cookies_of(browser).values())


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        ("pia_wrong", "invalid_api_key", "not known here"),
        ("pia_old", "api_key_revoked", "withdrawn"),
        ("pia_aged", "token_expired", "expired"),
        ("", "", "Enter your API key"),
        ("two words", "", "not an API key"),
        ("pia_\u00e9", "", "not an API key"),
        ("x" * 201, "", "not an API key"),
    ],
)
async def test_bad_key_is_told_in_words(
    browser: Browser, backend: ScriptedBackend, key: str, code: str, words: str
) -> None:
    """A key that lets nobody in is named as such, is not repeated, and can be tried again."""
    if code:
        backend.replies["GET /v1/me"] = problem(401, code)
    refused = await give_key(browser, await browser.get("/sign-in"), key)
    assert refused.status_code == 422
    assert words in Page(refused).words(".alert")
    assert not key.strip() or key not in refused.text
    assert not any("session" in name for name in cookies_of(browser))

    knows_people(backend)
    assert (await give_key(browser, refused, GOOD_KEY)).status_code == 303


async def test_form_belongs_to_its_browser(browser: Browser) -> None:
    """A form without the cookie that came with it, or sent a second time, signs nobody in."""
    form = await browser.get("/")
    async with browsing(str(browser.base_url)) as victim:
        planted = await give_key(victim, form, GOOD_KEY)
        assert planted.status_code == 422
        assert not any("session" in name for name in cookies_of(victim))
    assert (await give_key(browser, form, GOOD_KEY)).status_code == 303
    assert (await give_key(browser, form, GOOD_KEY)).status_code == 422


async def test_other_websites_cannot_sign_anybody_in(browser: Browser) -> None:
    """The form is taken from this site only."""
    state = Page(await browser.get("/")).value("[name=state]", "value")
    refused = await browser.post(
        "/sign-in",
        data={"state": state, "key": GOOD_KEY},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert refused.status_code == 403


async def test_backend_that_is_down_is_no_fault_of_the_key(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """While nobody can check the key, the page says that, and signs nobody in."""
    backend.replies["GET /v1/me"] = problem(503, "object_storage_unavailable", retry_after="9")
    refused = await give_key(browser, await browser.get("/"), GOOD_KEY)

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "9"
    assert not any("session" in name for name in cookies_of(browser))


async def test_signing_out_forgets_the_key(browser: Browser) -> None:
    """After signing out the page is closed again; there is no provider to go to."""
    await give_key(browser, await browser.get("/"), GOOD_KEY)
    form = await browser.get("/")
    out = await submit(browser, form, ".visitor form", "/sign-out", {})

    assert heading(out) == "You are signed out"
    assert "refresh" not in out.headers
    assert (await browser.get("/")).status_code == 401


async def test_pages_for_signing_in_are_as_sound_as_the_others(browser: Browser) -> None:
    """Each is fenced in, never kept by browsers, and has a title, one h1, labels and unique ids."""
    form = await browser.get("/")
    wrong = await give_key(browser, form, "two words")
    await give_key(browser, wrong, GOOD_KEY)
    signed_in = await browser.get("/")
    outdated = await browser.post("/", data={"question": "Well?"})
    out = await submit(browser, signed_in, ".visitor form", "/sign-out", {})
    for response in (form, wrong, signed_in, outdated, out):
        page = Page(response)
        assert "form-action 'self'" in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"
        assert page.one("title").text().endswith("Info Assistant")
        assert len(page.css("h1")) == 1
        assert len(page.css("#result")) <= 1
        for field in page.css("textarea, input:not([type=hidden])"):
            assert page.css(f"label[for={field.attributes['id']}]")
        ids = [str(node.attributes["id"]) for node in page.css("[id]")]
        assert len(ids) == len(set(ids))


async def test_no_log_line_holds_a_key(browser: Browser) -> None:
    """Keys, good and bad, stay out of the log."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        form = await browser.get("/")
        refused = await give_key(browser, form, "pia_wrong-but-secret")
        await give_key(browser, refused, GOOD_KEY)
        await browser.get("/sign-in", params={"key": GOOD_KEY})
    assert "signed_in" in {line["event"] for line in lines}
    assert GOOD_KEY not in repr(lines)
    assert "pia_wrong-but-secret" not in repr(lines)
