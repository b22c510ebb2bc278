"""Signing in with an identity provider, over real sockets."""

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from tests.web.conftest import DOCUMENT, Page, ScriptedBackend, answer, document, problem
from tests.web.signing_in import (
    SECRET,
    ask,
    browsing,
    claims_of,
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

from info_assistant.drills.issuer import CLIENT_ID, Issuer, Outage, running_issuer
from info_assistant.web.attempts import Attempt
from info_assistant.web.sessions import Sessions
from info_assistant.web.sign_in import SignInConfig

Browser = httpx2.AsyncClient


@pytest.fixture(scope="module")
def one_issuer() -> Iterator[Issuer]:
    """Yield an identity provider on loopback, for all tests of this module."""
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(one_issuer: Issuer) -> Iterator[Issuer]:
    """Yield the identity provider, in order."""
    yield one_issuer
    one_issuer.outage = Outage.NONE
    one_issuer.token_life_s = 3600


@pytest.fixture
async def browser(issuer: Issuer, backend: ScriptedBackend) -> AsyncIterator[Browser]:
    """Yield a browser before a page that signs people in at the issuer."""
    knows_people(backend)
    async with visiting(provider_config(issuer), backend) as found:
        yield found


def bearer(backend: ScriptedBackend, path: str) -> str:
    """Return the token that the last request for `path` carried."""
    request = [request for request, _ in backend.asked if request.url.path == path][-1]
    return request.headers["authorization"].removeprefix("Bearer ")


async def test_who_is_not_signed_in_sees_how_to(browser: Browser, backend: ScriptedBackend) -> None:
    """Each page is 401 with a way to sign in that leads back; the backend is asked for nothing."""
    for path in ("/", "/documents?q=leave", f"/documents/{DOCUMENT}?start=3&end=9"):
        response = await browser.get(path)
        page = Page(response)
        assert response.status_code == 401
        assert "www-authenticate" in response.headers
        assert heading(response) == "Sign in to ask the documents"
        assert query_of(page.value("main .button", "href")).get("return_to", "/") == path
        assert not page.css(".visitor")
    for machine in ("/livez", "/readyz", "/metrics", "/static/style.css"):
        assert (await browser.get(machine)).status_code == 200
    assert backend.asked == []


async def test_signing_in_leads_back_and_says_who_one_is(
    browser: Browser, backend: ScriptedBackend, issuer: Issuer
) -> None:
    """After the provider: the page that was wanted, one's name, and questions in one's own name."""
    backend.answers(answer())
    backend.replies["GET /v1/documents"] = JSONResponse({"documents": [document()]})
    page = await sign_in(browser, "reader", "/documents?q=leave")
    assert page.status_code == 200
    assert str(page.url).endswith("/documents?q=leave")
    assert Page(page).words(".visitor p") == "Signed in as Rosa Lindqvist"

    form = await browser.get("/")
    answered = await ask(browser, form, "How many days?")
    assert answered.status_code == 200
    assert Page(answered).words("#result") == "Answer"
    assert "with your name" in Page(form).words(".who")
    token = bearer(backend, "/v1/query")
    assert claims_of(token)["sub"] == "drill|reader"
    assert claims_of(token)["aud"] == issuer.tokens.audience


async def test_organisation_is_named_where_there_are_several(browser: Browser) -> None:
    """Somebody of another tenant than the default reads its name beside their own."""
    page = Page(await sign_in(browser, "neighbour"))

    assert page.words(".visitor p") == "Signed in as Nils Haugen, neighbour"
    assert "for neighbour" in page.words(".who")


async def test_request_to_the_provider_is_complete(browser: Browser) -> None:
    """The provider is asked with PKCE, a state and a nonce that differ each time."""
    asked = [query_of((await browser.get("/sign-in")).headers["location"]) for _ in range(2)]

    assert asked[0]["response_type"] == "code"
    assert asked[0]["client_id"] == CLIENT_ID
    assert asked[0]["code_challenge_method"] == "S256"
    assert asked[0]["scope"].split()[0] == "openid"
    assert asked[0]["redirect_uri"] == f"{str(browser.base_url).rstrip('/')}/sign-in/callback"
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name]) >= 43
        assert asked[0][name] != asked[1][name]


async def test_cookies_tell_nothing_and_are_out_of_reach(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Cookies are HttpOnly, Lax, host-only, below 4 kB, and hold nothing that can be read."""
    back = await go_to_provider(browser)
    done = await browser.get(back)
    session = [each for each in done.headers.get_list("set-cookie") if "session=" in each]
    token = bearer(backend, "/v1/me")

    assert len(session) == 1
    for line in done.headers.get_list("set-cookie"):
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert attributes >= {"httponly", "samesite=lax", "path=/"}
        assert not any(part.startswith("domain") for part in attributes)
        assert len(line.split(";")[0]) < 4096
    kept = " ".join(cookies_of(browser).values())
    for part in token.split("."):
        assert part not in kept
        assert base64.b64encode(part.encode()).decode()[4:-4] not in kept
    assert "drill" not in kept


async def test_https_makes_cookies_secure(issuer: Issuer, backend: ScriptedBackend) -> None:
    """Behind an https address: Secure, the __Host- prefix, and that address for coming back."""
    config = provider_config(issuer, public_url="https://ask.example")
    async with visiting(config, backend) as browser:
        there = await browser.get("/sign-in")

    (cookie,) = there.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-info-assistant-attempt-")
    assert "; Secure" in cookie
    asked = query_of(there.headers["location"])
    assert asked["redirect_uri"] == "https://ask.example/sign-in/callback"


async def test_a_sign_in_counts_once(browser: Browser, issuer: Issuer) -> None:
    """The same way back, taken again, is refused; whoever is signed in stays so."""
    back = await go_to_provider(browser)
    assert (await browser.get(back)).status_code == 303
    exchanges = issuer.asked.count("/token")
    again = await browser.get(back)

    assert again.status_code == 400
    assert heading(again) == "This sign-in cannot be completed"
    assert Page(again).value("main .button", "href") == "/sign-in"
    assert issuer.asked.count("/token") == exchanges
    assert (await browser.get("/")).status_code == 200


async def test_a_way_back_is_of_no_use_in_another_browser(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """Someone else's way back signs nobody in: neither as the sender nor as the receiver."""
    back = await go_to_provider(browser, "operator")
    async with browsing(str(browser.base_url)) as victim:
        bare = await victim.get(back)
        await victim.get("/sign-in")
        begun = await victim.get(back)
        for refused in (bare, begun):
            assert refused.status_code == 400
            assert heading(refused) == "This sign-in cannot be completed"
        assert not any("session" in name for name in cookies_of(victim))
    assert all(request.url.path != "/v1/me" for request, _ in backend.asked)


@pytest.mark.parametrize("changed", ["state", "code", "nonce", "verifier"])
async def test_parts_of_two_sign_ins_do_not_mix(
    browser: Browser, backend: ScriptedBackend, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the state, code, nonce or verifier of another attempt nobody is signed in."""
    one, two = await go_to_provider(browser), await go_to_provider(browser, "operator")
    answers = [query_of(one), query_of(two)]
    if changed in {"state", "code"}:
        mixed = answers[0] | {changed: answers[1][changed]}
    else:
        # As if the browser had been given this part of another attempt.
        mixed = answers[0]
        with_part_of_another_attempt(monkeypatch, changed)
    refused = await browser.get("/sign-in/callback", params=mixed)

    assert refused.status_code == 403
    assert heading(refused) == "Signing in did not work"
    assert not any("session" in name for name in cookies_of(browser))
    assert all(request.url.path != "/v1/me" for request, _ in backend.asked)


def with_part_of_another_attempt(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Let every attempt come back from the browser with `part` changed."""
    real = Sessions.attempt

    def changed(self: Sessions, request: Request, state: str) -> Attempt | None:
        found = real(self, request, state)
        assert found is not None
        other = "o" * 43
        if part == "nonce":
            return replace(found, nonce=other)
        return replace(found, verifier=other)

    monkeypatch.setattr(Sessions, "attempt", changed)


async def test_a_code_that_was_used_elsewhere_is_refused(browser: Browser, issuer: Issuer) -> None:
    """A code that somebody else was quicker to use signs nobody in."""
    back = await go_to_provider(browser)
    issuer._grants.clear()
    refused = await browser.get(back)

    assert refused.status_code == 403
    assert heading(refused) == "Signing in did not work"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-page"},
        {"aud": "another-page", "azp": CLIENT_ID},
        {"aud": None},
        {"exp": 1_000_000},
        {"exp": None},
        {"iat": 9_999_999_999},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
async def test_every_claim_of_the_id_token_is_checked(
    browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, claims: dict[str, object]
) -> None:
    """An id token for somebody else, of somebody else, too old or too new lets nobody in."""
    real = issuer.tokens.id_token
    monkeypatch.setattr(
        issuer.tokens,
        "id_token",
        lambda person, client, **given: real(person, client, **(given | claims)),
    )
    refused = await browser.get(await go_to_provider(browser))

    assert refused.status_code == 403
    assert heading(refused) == "Signing in did not work"
    assert not any("session" in name for name in cookies_of(browser))


@pytest.mark.parametrize("forgery", ["unsigned", "signed_with_public_key", "forged"])
async def test_only_the_providers_keys_count(
    browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, forgery: str
) -> None:
    """An id token without a signature, or with one of another key, lets nobody in."""
    make = getattr(issuer.tokens, forgery)
    monkeypatch.setattr(
        issuer.tokens,
        "id_token",
        lambda person, client, **given: make(person, aud=client, **given),
    )
    refused = await browser.get(await go_to_provider(browser))

    assert refused.status_code == 403
    assert not any("session" in name for name in cookies_of(browser))


async def test_new_keys_of_the_provider_are_taken_at_once(browser: Browser, issuer: Issuer) -> None:
    """After a rotation of keys, with the old ones gone, people sign in as before."""
    await sign_in(browser)
    issuer.tokens.rotate(keep_old=False)
    page = await sign_in(browser, "operator")

    assert Page(page).words(".visitor p") == "Signed in as Oona Petrova"


async def test_answer_of_another_provider_is_refused(browser: Browser) -> None:
    """Where the answer names its issuer (RFC 9207), it must be ours."""
    back = await go_to_provider(browser)
    refused = await browser.get(f"{back}&iss=https%3A%2F%2Fevil.example")

    assert refused.status_code == 403
    assert heading(refused) == "Signing in did not work"


async def test_cancelling_is_told_in_words(browser: Browser) -> None:
    """Who does not sign in at the provider reads that, without the provider's own text."""
    back = await go_to_provider(browser, "nobody")
    refused = await browser.get(f"{back}&error_description=%3Cscript%3Eboo")

    assert refused.status_code == 403
    assert heading(refused) == "You are not signed in"
    assert "boo" not in refused.text


async def test_who_has_no_role_is_told(browser: Browser, backend: ScriptedBackend) -> None:
    """Somebody whom the backend forbids everything is not signed in and reads why."""
    backend.replies["GET /v1/me"] = problem(403, "forbidden")
    refused = await browser.get(await go_to_provider(browser, "visitor"))

    assert refused.status_code == 403
    assert heading(refused) == "This is not open to you"
    assert not any("session" in name for name in cookies_of(browser))


async def test_token_that_the_backend_refuses_at_once_does_not_go_in_circles(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A wrongly set up audience is named as a fault of the service, not as an ended session."""
    backend.replies["GET /v1/me"] = problem(401, "wrong_audience")
    refused = await browser.get(await go_to_provider(browser))

    assert refused.status_code == 403
    assert "set up wrongly" in Page(refused).words("main")


@pytest.mark.parametrize("outage", [Outage.REFUSES, Outage.HANGS])
async def test_outage_of_the_provider_locks_nobody_out(
    browser: Browser,
    backend: ScriptedBackend,
    issuer: Issuer,
    outage: Outage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the provider is down, signing in says so at once, and those signed in go on."""
    monkeypatch.setattr("info_assistant.web.provider._WHOLE_TIMEOUT_S", 0.3)
    monkeypatch.setattr("info_assistant.web.provider._METADATA_LIFE_S", 0.0)
    backend.answers(answer())
    form = await sign_in(browser)
    async with browsing(str(browser.base_url)) as newcomer:
        back = await go_to_provider(newcomer)
        issuer.outage = outage
        for address in ("/sign-in", back):
            refused = await newcomer.get(address)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert heading(refused) == "Signing in is not possible at the moment"
    assert (await ask(browser, form, "Still here?")).status_code == 200
    assert (await browser.get("/")).status_code == 200


async def test_signing_out_ends_it_here_and_there(browser: Browser, issuer: Issuer) -> None:
    """Signing out forgets the session, and leads on to the provider, which leads back."""
    form = await sign_in(browser)
    out = await submit(browser, form, ".visitor form", "/sign-out", {})
    onward = Page(out).value("main .button", "href")

    assert out.status_code == 200
    assert heading(out) == "You are signed out"
    assert out.headers["refresh"] == f"0; url={onward}"
    assert onward.startswith(f"{issuer.url}/end-session?")
    assert query_of(onward)["id_token_hint"]
    there = await browser.get(onward)
    assert there.headers["location"] == f"{str(browser.base_url).rstrip('/')}/"
    assert not any("session" in name for name in cookies_of(browser))
    assert (await browser.get("/")).status_code == 401


async def test_signing_out_works_while_the_provider_is_down(
    browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the session ends here, and the page warns that it may go on there."""
    monkeypatch.setattr("info_assistant.web.provider._METADATA_LIFE_S", 0.0)
    form = await sign_in(browser)
    issuer.outage = Outage.REFUSES
    out = await submit(browser, form, ".visitor form", "/sign-out", {})

    assert out.status_code == 200
    assert "may still be signed in there" in Page(out).words("main")
    assert (await browser.get("/")).status_code == 401


@pytest.mark.parametrize("secret", [SECRET, "another-secret-that-is-quite-as-long-as-it"])
async def test_sessions_hold_across_replicas_of_one_secret(
    browser: Browser, issuer: Issuer, backend: ScriptedBackend, secret: str
) -> None:
    """Another replica knows the session if it has the same secret, and takes no other."""
    await sign_in(browser)
    config = SignInConfig(secret, provider_config(issuer).oidc)
    async with visiting(config, backend) as other:
        other.cookies.update(cookies_of(browser))
        response = await other.get("/")

    assert response.status_code == (200 if secret == SECRET else 401)
