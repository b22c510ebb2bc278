"""What every page says of the service, and where operators switch it."""

import asyncio
import json
import re
import time
from datetime import date
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.web.conftest import PAGE_URL, Page, ScriptedBackend, problem
from tests.web.test_process import raw_server, visiting
from tests.web.tour import FORM, unwell, well

from info_assistant.errors import BackendUnavailable
from info_assistant.web.app import DEFAULT_TIMEOUT_S, create_frontend
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.banners import banners_of
from info_assistant.web.brand import Brand, contrast, rgb_of
from info_assistant.web.condition import ConditionWatch
from info_assistant.web.languages import ENGLISH
from info_assistant.web.rendering import Look
from info_assistant.web.replies import Health, ProblemDetails
from info_assistant.web.spend_chart import HEIGHT, bars
from info_assistant.web.usage import Usage

Browser = httpx2.AsyncClient


def headings(**health: object) -> list[str]:
    """Return the headings of the banners for this state of the service."""
    return [ENGLISH.say(each.heading) for each in banners_of(Health.model_validate(health))]


@pytest.mark.parametrize(
    ("name", "value", "heading"),
    [
        ("MAINTENANCE_MODE", True, "The service is being maintained"),
        ("CACHE_ONLY_MODE", True, "Only saved answers are given"),
        ("INGESTION_PAUSED", True, "No documents are added at the moment"),
        ("REDIS_ENABLED", False, "Saved answers are switched off"),
        ("LLM_PROVIDER", "extractive", "Answers quote the documents"),
        ("LLM_PROVIDER", "anthropic", "The language model was chosen by hand"),
    ],
)
def test_each_mode_has_its_banner(name: str, value: object, heading: str) -> None:
    """A mode in force is said in a sentence; its name is not."""
    assert headings(modes=[{"name": name, "value": value}]) == [heading]


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("qdrant", "The search is not available"),
        ("redis", "Saved answers are not available"),
        ("object_storage", "Documents cannot be opened or changed"),
        ("openai", "A language model is not available"),
        ("anthropic", "A language model is not available"),
        ("identity_provider", "Signing in may not work"),
        ("moon", "A part of the service does not work as usual (moon)"),
    ],
)
def test_each_dependency_has_its_banner(name: str, heading: str) -> None:
    """What is down is said by what it is for; what works, or is not in use, is not."""
    assert headings(dependencies={name: {"state": "down"}}) == [heading]
    for state in ("ok", "off", "unknown"):
        assert headings(dependencies={name: {"state": state}}) == []


def test_the_worst_comes_first_and_nothing_twice() -> None:
    """Two providers that are down are one banner; what cannot be done at all goes before."""
    down = {"state": "down"}
    assert headings(dependencies={"openai": down, "anthropic": down, "qdrant": down}) == [
        "The search is not available",
        "A language model is not available",
    ]


def test_operators_words_stand_in_banners() -> None:
    """Maintenance shows their message and its end, an open incident its title; a past one not."""
    health = Health.model_validate(
        {
            "modes": [
                {"name": "MAINTENANCE_MODE", "value": True, "expires_at": "2026-11-23T14:00:00Z"},
                {"name": "MAINTENANCE_MESSAGE", "value": "Back at two."},
            ],
            "incidents": [
                {"title": "Slow answers", "status": "identified", "message": "We add a server."},
                {"title": "Long ago", "status": "resolved"},
            ],
        }
    )
    maintenance, incident = banners_of(health)
    assert maintenance.told == "Back at two."
    assert maintenance.until is not None
    assert incident.told == "Slow answers: We add a server."


async def banner_within(client: Browser, heading: str, seconds: float) -> None:
    """Return once a page shows this banner, or none for ""; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        page = Page(await client.get("/accessibility"))
        if heading in ([each.text().rstrip(".:") for each in page.css(".banner strong")] or [""]):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"no banner within {seconds} s: {heading}")


async def test_banners_come_and_go_by_themselves(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """A page that asks the backend nothing says what is switched, soon after it is."""
    unwell("x")(backend)
    await banner_within(browser, "Only saved answers are given", 30)
    del backend.replies["GET /health"]
    await banner_within(browser, "The service does not respond", 30)
    backend.replies["GET /health"] = JSONResponse({"status": "ok"})
    await banner_within(browser, "", 30)


async def test_a_backend_that_hangs_is_said_to_not_respond() -> None:
    """Silence is told as well as refusal; the page itself never waits for it."""
    async with raw_server(b"", then_hang=True) as url, visiting(create_frontend(url)) as client:
        await banner_within(client, "The service does not respond", 30)


async def test_a_question_to_a_backend_that_hangs_comes_back_to_who_typed_it() -> None:
    """Long before the time for an answer is up: 503 with Retry-After, the question in the box."""
    async with raw_server(b"", then_hang=True) as url, visiting(create_frontend(url)) as client:
        # The time for an answer is longer than this: without the look at its health it would fail.
        async with asyncio.timeout(DEFAULT_TIMEOUT_S / 2):
            reply = await client.post("/", data={"question": "How <many>?"}, headers=FORM)
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    assert Page(reply).one("textarea").text() == "How <many>?"


async def test_a_backend_that_thinks_is_waited_for_and_one_that_hangs_is_not() -> None:
    """Whoever tells its health may take long; whoever does not is given up, and the wait ended."""
    backend, asked, ended = ScriptedBackend(), asyncio.Event(), asyncio.Event()
    looked_at = asyncio.Event()

    def told(_request: Request) -> Response:
        if backend.looks == 3:
            looked_at.set()
        return JSONResponse({"status": "ok"})

    backend.replies["GET /health"] = told

    async def thinks() -> str:
        await looked_at.wait()
        return "Thought"

    async def hangs() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def refuses() -> None:
        raise BackendProblem(429, ProblemDetails(code="rate_limited"), None)

    transport = httpx2.ASGITransport(app=backend.app)
    there = Backend("http://backend", timeout_s=10, transport=transport)
    watch = ConditionWatch(there, silence_s=0.01)
    assert await watch.while_it_answers(thinks()) == "Thought"
    with pytest.raises(BackendProblem, match="rate_limited"):
        await watch.while_it_answers(refuses())
    backend.replies["GET /health"] = problem(500, "internal")
    with pytest.raises(BackendUnavailable):
        await watch.while_it_answers(hangs())
    assert asked.is_set()
    assert ended.is_set()
    await there.aclose()


async def test_operators_throw_and_release_switches(
    browser: Browser, backend: ScriptedBackend
) -> None:
    """The form becomes the API's order: value, reason, end, message; a release is null."""
    well(backend)
    for form in (
        {"switch": "MAINTENANCE_MODE=true", "reason": " Index ", "minutes": "30", "message": "Hi"},
        {"switch": "LLM_PROVIDER=extractive", "reason": "Costs"},
        {"switch": "REDIS_ENABLED=false", "reason": "Test", "minutes": ""},
        {"switch": "CACHE_ONLY_MODE", "reason": "Over"},
    ):
        done = await browser.post("/watch/switch", data=form, headers=FORM)
        assert (done.status_code, done.headers["location"]) == (303, "/watch?done=switched")
    assert [json.loads(body) for request, body in backend.asked if request.method == "PUT"] == [
        {
            "MAINTENANCE_MODE": True,
            "reason": "Index",
            "MAINTENANCE_MESSAGE": "Hi",
            "expires_in": 1800,
        },
        {"LLM_PROVIDER": "extractive", "reason": "Costs"},
        {"REDIS_ENABLED": False, "reason": "Test"},
        {"CACHE_ONLY_MODE": None, "reason": "Over"},
    ]


@pytest.mark.parametrize(
    "form",
    [
        {"switch": "AUTH=none", "reason": "x"},
        {"switch": "", "reason": "x"},
        {"switch": "CACHE_ONLY_MODE=true", "reason": "  "},
        {"switch": "CACHE_ONLY_MODE=true", "reason": "x", "minutes": "soon"},
        {"switch": "CACHE_ONLY_MODE=true", "reason": "x", "minutes": "9" * 9},
    ],
)
async def test_a_form_that_means_nothing_switches_nothing(
    browser: Browser, backend: ScriptedBackend, form: dict[str, str]
) -> None:
    """What is wrong is said at the form, which keeps what was typed."""
    well(backend)
    response = await browser.post("/watch/switch", data=form, headers=FORM)

    assert response.status_code == 422
    assert Page(response).value("#reason", "value") == form["reason"]
    assert not [request for request, _ in backend.asked if request.method == "PUT"]


async def test_other_websites_switch_nothing(browser: Browser, backend: ScriptedBackend) -> None:
    """A form from elsewhere is refused before the backend hears of it."""
    well(backend)
    form = {"switch": "MAINTENANCE_MODE=true", "reason": "Ha"}
    foreign = await browser.post(
        "/watch/switch", data=form, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403
    assert backend.asked == []


async def test_who_may_not_switch_is_told_so(browser: Browser, backend: ScriptedBackend) -> None:
    """The backend decides who is an operator."""
    backend.replies["GET /v1/admin/modes"] = problem(403, "forbidden")
    refused = await browser.get("/watch")
    assert refused.status_code == 403
    assert Page(refused).words("h1") == "This is not open to you"


def test_spend_is_drawn_to_scale() -> None:
    """Each day has a bar, the dearest as high as the drawing; models of a day are summed."""
    rows = [
        {"day": "2026-11-01", "model": "a", "calls": 2, "cost_usd": 1.0},
        {"day": "2026-11-01", "model": "b", "calls": 1, "cost_usd": 1.0},
        {"day": "2026-11-03", "model": "a", "calls": 4, "cost_usd": 4.0},
    ]
    usage = Usage.model_validate({"first": "2026-11-01", "last": "2026-11-03", "rows": rows})
    first, second, third = bars(usage)

    assert (first.day, first.calls, first.cost_usd) == (date(2026, 11, 1), 3, 2.0)
    assert (first.height, second.height, third.height) == (HEIGHT / 2, 0, HEIGHT)
    assert first.x < second.x < third.x


@pytest.mark.parametrize("colour", ["#ffff00", "#000000", "#ffffff", "#0d5c63", "#ff0000"])
async def test_the_operators_colour_can_be_read(colour: str) -> None:
    """Whatever colour is chosen, it is made dark or light enough for both papers."""
    look = Look(Brand(name="Archive of <b>Ys</b>", colour=colour, footer="Ask us."))
    app = create_frontend("http://nowhere", look=look)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=PAGE_URL) as client:
        page = Page(await client.get("/accessibility"))
        sheet = await client.get(str(page.css("link[rel=stylesheet]")[1].attributes["href"]))

    light, _, dark, _ = re.findall(r"#[0-9a-f]{6}", sheet.text)
    assert contrast(rgb_of(light), rgb_of("#ffffff")) >= 4.5
    assert contrast(rgb_of(dark), rgb_of("#12181d")) >= 4.5
    assert page.words(".brand") == "Archive of <b>Ys</b>"
    assert "Ask us." in page.words("footer")


async def test_the_operators_statements_stand_in_the_place_of_ours(tmp_path: Path) -> None:
    """Markdown in the reader's language, else in none; raw HTML in it stays text."""
    (tmp_path / "privacy.md").write_text("# Our privacy\n\n<script>alert(1)</script>")
    (tmp_path / "privacy.fr.md").write_text("# Notre politique")
    app = create_frontend("http://nowhere", look=Look(Brand(statements=tmp_path)))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=PAGE_URL) as client:
        own = Page(await client.get("/privacy"))
        french = Page(await client.get("/privacy", headers={"Accept-Language": "fr"}))
        ours = Page(await client.get("/cookies"))

    assert own.words("h1") == "Our privacy"
    assert not own.css("main script")
    assert french.words("h1") == "Notre politique"
    assert ours.words("h1") == "Cookies"
