"""What ends a session, what outlives it, and what no other website can do with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from starlette.responses import JSONResponse
from tests.web.conftest import DOCUMENT, Page, ScriptedBackend, answer, problem
from tests.web.signing_in import (
    ask,
    browsing,
    cookies_of,
    go_to_provider,
    heading,
    knows_people,
    provider_config,
    query_of,
    sign_in,
    submit,
    visiting,
)

from info_assistant.drills.issuer import Issuer, running_issuer

Browser = httpx2.AsyncClient

QUESTION = "Wie viele Tage?\n„Zwei“ 🙂 <b>"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Yield an identity provider on loopback."""
    with running_issuer() as found:
        yield found


@pytest.fixture
async def browser(issuer: Issuer, backend: ScriptedBackend) -> AsyncIterator[Browser]:
    """Yield a browser before a page that signs people in at the issuer."""
    issuer.token_life_s = 3600
    knows_people(backend)
    backend.answers(answer())
    async with visiting(provider_config(issuer), backend) as found:
        yield found


async def expired(browser: Browser, issuer: Issuer, login: str = "reader") -> httpx2.Response:
    """Sign in for a moment; return the form that was open when that moment was over."""
    issuer.token_life_s = 1
    form = await sign_in(browser, login)
    assert form.status_code == 200
    issuer.token_life_s = 3600
    async with asyncio.timeout(60):
        while (await browser.get("/")).status_code == 200:  # noqa: ASYNC110  Time itself.
            await asyncio.sleep(0.05)
    return form


async def test_session_ends_with_its_token_and_keeps_the_question(
    browser: Browser, issuer: Issuer, backend: ScriptedBackend
) -> None:
    """Who asks after the end is told, signs in again, and finds the question in the box, once."""
    form = await expired(browser, issuer)
    ended = await ask(browser, form, QUESTION)

    assert ended.status_code == 401
    assert heading(ended) == "Your sign-in has ended"
    assert "Your question is kept" in Page(ended).words(".notice")
    assert all(request.url.path != "/v1/query" for request, _ in backend.asked)
    again = await sign_in(browser)
    assert Page(again).one("#question").text() == QUESTION
    assert "Tage" not in str(again.url)
    assert Page(await browser.get("/")).one("#question").text() == ""
    assert (await ask(browser, again, QUESTION)).status_code == 200


async def test_longest_question_is_kept(browser: Browser, issuer: Issuer) -> None:
    """The longest question, of the widest characters, survives signing in again."""
    form = await expired(browser, issuer)
    question = "🙂" * 2000
    assert (await ask(browser, form, question)).status_code == 401

    assert Page(await sign_in(browser)).one("#question").text() == question


async def test_question_is_kept_for_whoever_typed_it(browser: Browser, issuer: Issuer) -> None:
    """Somebody else who signs in on the same computer does not see the question."""
    form = await expired(browser, issuer)
    await ask(browser, form, QUESTION)
    other = await sign_in(browser, "operator")

    assert Page(other).one("#question").text() == ""
    assert not any("draft" in name for name in cookies_of(browser))


@pytest.mark.parametrize("code", ["token_expired", "invalid_token", "api_key_revoked"])
async def test_session_that_the_backend_ends_has_ended(
    browser: Browser, backend: ScriptedBackend, code: str
) -> None:
    """When the backend takes the token no more, on whatever page, one signs in again."""
    form = await sign_in(browser)
    backend.fails(problem(401, code))
    ended = await ask(browser, form, QUESTION)
    assert ended.status_code == 401
    assert heading(ended) == "Your sign-in has ended"
    assert not any("session" in name for name in cookies_of(browser))
    assert Page(await sign_in(browser)).one("#question").text() == QUESTION

    backend.replies[f"GET /v1/documents/{DOCUMENT}/text"] = problem(401, code)
    source = await browser.get(f"/documents/{DOCUMENT}?v=1")
    assert source.status_code == 401
    back = query_of(Page(source).value("main .button", "href"))["return_to"]
    assert back == f"/documents/{DOCUMENT}?v=1"
    assert (await browser.get("/")).status_code == 401


async def test_changed_cookies_are_worth_nothing(browser: Browser) -> None:
    """A cookie with any character changed, cut short, or under another's name signs nobody in."""
    await sign_in(browser)
    (name,) = cookies_of(browser)
    value = cookies_of(browser)[name]
    middle = len(value) // 2
    broken = [
        value[:middle] + ("A" if value[middle] != "A" else "B") + value[middle + 1 :],
        value[:-4],
        value.replace("1.", "5.", 1),
        value.replace("1.", "", 1),
        "1." + "A" * 200,
        "",
        "9" * 4000,
    ]
    for each in broken:
        async with browsing(str(browser.base_url)) as other:
            other.cookies.set(name, each)
            assert (await other.get("/")).status_code == 401, each
    async with browsing(str(browser.base_url)) as other:
        other.cookies.set(name.replace("session", "draft"), value)
        assert (await other.get("/")).status_code == 401
    async with browsing(str(browser.base_url)) as other:
        other.cookies.set(name, value)
        assert (await other.get("/")).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "documents",
        "/sign-in",
        "/sign-out",
        "/" + "x" * 4000,
        "",
    ],
)
async def test_signing_in_leads_to_this_site_only(browser: Browser, wanted: str) -> None:
    """No address can be made up that leads elsewhere after signing in."""
    done = await browser.get(await go_to_provider(browser, return_to=wanted))

    assert done.status_code == 303
    assert done.headers["location"] == "/"


@pytest.mark.parametrize("csrf", [None, "", "made-up", "of somebody else"])
async def test_forms_need_the_mark_of_their_session(
    browser: Browser, backend: ScriptedBackend, csrf: str | None
) -> None:
    """Without the session's own mark nothing is asked and nobody signed out; the question stays."""
    if csrf == "of somebody else":
        async with browsing(str(browser.base_url)) as other:
            csrf = Page(await sign_in(other, "operator")).value(".ask [name=csrf]", "value")
    await sign_in(browser)
    fields = {} if csrf is None else {"csrf": csrf}
    asked = await browser.post("/", data=fields | {"question": QUESTION})
    out = await browser.post("/sign-out", data=fields)

    assert asked.status_code == out.status_code == 403
    assert Page(asked).words("h2#result") == "This page was from before you signed in"
    assert Page(asked).one("#question").text() == QUESTION
    assert all(request.url.path != "/v1/query" for request, _ in backend.asked)
    assert (await browser.get("/")).status_code == 200
    assert (await ask(browser, asked, QUESTION)).status_code == 200


@pytest.mark.parametrize("address", ["/", "/sign-out"])
async def test_other_websites_cannot_send_our_forms(
    browser: Browser, backend: ScriptedBackend, address: str
) -> None:
    """Even with the right mark, a form from another website is refused."""
    form = await sign_in(browser)
    csrf = Page(form).value(".ask [name=csrf]", "value")
    refused = await browser.post(
        address,
        data={"csrf": csrf, "question": "Well?"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert refused.status_code == 403
    assert (await browser.get("/")).status_code == 200
    assert all(request.url.path != "/v1/query" for request, _ in backend.asked)


async def test_signing_in_again_changes_the_mark(browser: Browser) -> None:
    """A form from before signing in again is refused, with its question kept."""
    before = await sign_in(browser)
    await sign_in(browser)
    refused = await ask(browser, before, QUESTION)

    assert refused.status_code == 403
    assert Page(refused).one("#question").text() == QUESTION


async def test_many_tabs_sign_in_beside_each_other(browser: Browser) -> None:
    """Four attempts can be open at once; of more, the oldest is forgotten."""
    backs = [await go_to_provider(browser) for _ in range(5)]
    seen = [(await browser.get(back)).status_code for back in backs]

    assert seen == [400, 303, 303, 303, 303]
    assert [name for name in cookies_of(browser) if "attempt" in name] == []


async def test_attempt_that_took_too_long_is_refused(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes longer to sign in than an attempt lasts starts again."""
    monkeypatch.setattr("info_assistant.web.attempts.ATTEMPT_LIFE_S", 0)
    refused = await browser.get(await go_to_provider(browser))

    assert refused.status_code == 400
    assert heading(refused) == "This sign-in cannot be completed"


async def test_names_of_people_are_only_text(browser: Browser, backend: ScriptedBackend) -> None:
    """A name that is an attack is shown as it is, and does nothing."""
    name = "<script>alert(1)</script>\u202e"
    backend.replies["GET /v1/me"] = JSONResponse({"subject": "s", "name": name, "tenant": name})
    page = Page(await sign_in(browser))

    assert all(node.attributes.get("src") for node in page.css("script"))
    assert [node.text() for node in page.css(".visitor bdi")] == [name, name]


async def test_signing_out_without_a_session_is_harmless(browser: Browser) -> None:
    """Signing out twice, as from a second tab, is no error."""
    form = await sign_in(browser)
    for _ in range(2):
        out = await submit(browser, form, ".visitor form", "/sign-out", {})
        assert out.status_code == 200
        assert heading(out) == "You are signed out"
