"""Each mode and each P0, made for real on one machine: the right banner, soon, and the way out.

`make pictures` keeps what a reader sees of each in docs/pictures.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx2
import pytest
from benchmarks.browser.conftest import results, window
from benchmarks.browser.scene import (
    ABROAD,
    BREACH,
    CERTIFICATE,
    CONTRACTORS,
    DESK,
    FEE,
    HALF_DAYS,
    KNOWN,
    LOST,
    NOTICED,
    RECORDS,
    STOLEN,
    Scene,
    hand_in,
    until,
    written,
)
from benchmarks.harness.breakable import Breakable, breakable
from playwright.sync_api import Browser, FilePayload, expect

from info_assistant.drills.provider_faults import Behaviour
from info_assistant.web.banners import _DEPENDENCIES, _MODES, _QUOTED, UNREACHABLE, Banner

SOON_S = 5.0
SIZE = {"width": 1000, "height": 800}

_TROUBLED = Banner("The people who run this service report")


@dataclass(frozen=True)
class Case:
    """What is broken or thrown, what every page says then, and what a reader does.

    `after` is what they do once it is over, from the page that they are on.
    """

    name: str
    banner: Banner
    fault: Callable[[Scene], AbstractContextManager[None]]
    meanwhile: Callable[[Scene], None]
    after: Callable[[Scene], None] = lambda _scene: None


def switched(**values: object) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what throws switches and releases them."""

    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        scene.switch(**values, expires_in=1800)
        try:
            yield
        finally:
            scene.switch(**dict.fromkeys(values))

    return fault


def killed(part: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what kills a process and starts it again."""

    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        scene.service.kill(part)
        assert scene.service.processes[part].poll() is not None
        try:
            yield
        finally:
            scene.service.mend(part)

    return fault


def frozen(part: str) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what lets a process hang and go on."""

    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        scene.service.freeze(part)
        try:
            yield
        finally:
            scene.service.thaw(part)

    return fault


def provider(behaviour: Behaviour) -> Callable[[Scene], AbstractContextManager[None]]:
    """Return what lets the language model misbehave."""

    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        stand_in = scene.service.openai
        stand_in.behaviour = behaviour
        before = stand_in.tally.lists + stand_in.tally.connections
        try:
            yield
            assert stand_in.tally.lists + stand_in.tally.connections > before, "nobody asked it"
        finally:
            stand_in.behaviour = Behaviour.WELL

    return fault


@contextmanager
def refusing(scene: Scene) -> Iterator[None]:
    """Let nobody listen where the language model was."""
    with scene.service.model_refusing():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", scene.service.openai.port)).close()
        yield


@contextmanager
def unmounted(scene: Scene) -> Iterator[None]:
    """Let a file be where the folder of the object storage was."""
    objects = scene.service.folder / "objects"
    away = objects.rename(objects.with_name("objects.away"))
    objects.touch()
    try:
        yield
    finally:
        objects.unlink()
        away.rename(objects)


@contextmanager
def told(scene: Scene) -> Iterator[None]:
    """Let readers be told of an incident."""
    scene.tell("identified")
    try:
        yield
    finally:
        scene.tell("resolved")


def answered(question: str) -> Callable[[Scene], None]:
    """Return what asks a new question and gets its answer."""

    def act(scene: Scene) -> None:
        scene.ask(question)
        scene.is_answered()

    return act


def refused(heading: str, question: str) -> Callable[[Scene], None]:
    """Return what asks a new question and is told why it cannot be answered."""

    def act(scene: Scene) -> None:
        scene.ask(question)
        scene.is_told(heading, question)

    return act


def saved(scene: Scene) -> None:
    """Ask what was asked before: it is answered all the same."""
    at = scene.page.url, scene.page.locator("#question").input_value()
    second = scene.page.context.new_page()
    second.goto(scene.window.url)
    second.locator("#question").fill(KNOWN)
    second.locator("form.ask > button").click()
    expect(second.locator(".reference")).to_contain_text("Saved answer.", timeout=60_000)
    second.close()
    assert at == (scene.page.url, scene.page.locator("#question").input_value())


def sent_again(scene: Scene) -> None:
    """Press the button once more, with the question that is still in the box."""
    scene.send()
    scene.is_answered()


def both(*acts: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """Return what does one after the other."""

    def act(scene: Scene) -> None:
        for each in acts:
            each(scene)

    return act


def closed(scene: Scene) -> None:
    """Come to a page that is closed, with the operators' words."""
    response = scene.page.goto(scene.window.url)
    assert response is not None
    assert response.status == 503
    assert int(response.headers["retry-after"]) > 0
    expect(scene.page.locator("main")).to_contain_text("Back at noon, with all documents.")


def open_again(scene: Scene) -> None:
    """Follow the link of the closed page, and ask."""
    scene.page.locator("main a").click()
    scene.page.locator("#question").fill(KNOWN)
    scene.send()
    scene.is_answered()


def not_taken_in(scene: Scene) -> None:
    """Hand in a document, in vain; ask, and be answered."""
    scene.page.goto(f"{scene.window.url}/documents/add")
    text = b"# New\n\nSomething new."
    file = FilePayload(name="new.md", mimeType="text/markdown", buffer=text)
    scene.page.locator("#file").set_input_files(file)
    scene.page.locator("form.add button").click()
    expect(scene.page.locator("#result")).to_have_text("Documents cannot be added at the moment")
    answered(KNOWN)(scene)


def saved_only(scene: Scene) -> None:
    """Ask something new, in vain; take one of the saved questions instead."""
    refused("Only saved answers are available", "May I work from home four days a week?")(scene)
    expect(scene.page.locator(".follow-ups button").first).to_be_visible()


def one_of_the_saved(scene: Scene) -> None:
    """Press a saved question, while only these are answered."""
    saved_only(scene)
    scene.picture("mode-saved-answers-only")
    with scene.page.expect_navigation():
        scene.page.locator(".follow-ups button", has_text=KNOWN).click()
    scene.is_answered()


def quoted(scene: Scene) -> None:
    """Ask something new: the answer says that it is quoted."""
    answered("How fast must a suspected data breach be reported?")(scene)
    expect(scene.page.locator(".answer .label")).to_contain_text("Quoted, not written.")


def passages_shown(question: str) -> Callable[[Scene], None]:
    """Return what asks in vain for an answer, and gets the passages that would have been used."""

    def act(scene: Scene) -> None:
        refused("Answers cannot be written at the moment", question)(scene)
        expect(scene.page.locator(".more .cards blockquote").first).to_be_visible()

    return act


_SEARCH, _MODEL = _DEPENDENCIES["qdrant"], _DEPENDENCIES["openai"]
_GONE, _NO_SEARCH = "The service is not available", "The search is not available"

CASES = (
    Case(
        "mode-maintenance",
        _MODES["MAINTENANCE_MODE"],
        switched(MAINTENANCE_MODE=True, MAINTENANCE_MESSAGE="Back at noon, with all documents."),
        closed,
        open_again,
    ),
    Case(
        "mode-cache-only",
        _MODES["CACHE_ONLY_MODE"],
        switched(CACHE_ONLY_MODE=True),
        one_of_the_saved,
    ),
    Case(
        "mode-ingestion-paused",
        _MODES["INGESTION_PAUSED"],
        switched(INGESTION_PAUSED=True),
        not_taken_in,
    ),
    Case(
        "mode-redis-off",
        _MODES["REDIS_ENABLED"],
        switched(REDIS_ENABLED=False),
        answered(HALF_DAYS),
    ),
    Case(
        "mode-provider-forced",
        _MODES["LLM_PROVIDER"],
        switched(LLM_PROVIDER="openai"),
        answered(ABROAD),
    ),
    Case("mode-quoting", _QUOTED, switched(LLM_PROVIDER="extractive"), quoted),
    Case("incident-told", _TROUBLED, told, answered(KNOWN)),
    Case("p0-1-backend-gone", UNREACHABLE, killed("backend"), refused(_GONE, LOST), sent_again),
    Case("p0-1-backend-hangs", UNREACHABLE, frozen("backend"), refused(_GONE, STOLEN), sent_again),
    Case(
        "p0-2-search-gone",
        _SEARCH,
        killed("qdrant"),
        both(refused(_NO_SEARCH, RECORDS), saved),
        sent_again,
    ),
    Case(
        "p0-2-search-hangs",
        _SEARCH,
        frozen("qdrant"),
        both(refused(_NO_SEARCH, FEE), saved),
        sent_again,
    ),
    Case(
        "p0-3-redis-gone",
        _DEPENDENCIES["redis"],
        killed("redis"),
        answered(CERTIFICATE),
    ),
    Case(
        "p0-3-redis-hangs",
        _DEPENDENCIES["redis"],
        frozen("redis"),
        answered(DESK),
    ),
    Case(
        "p0-4-model-overloaded",
        _MODEL,
        provider(Behaviour.STATUS_503),
        passages_shown(BREACH),
        sent_again,
    ),
    Case(
        "p0-4-model-refuses",
        _MODEL,
        refusing,
        passages_shown(NOTICED),
        sent_again,
    ),
    Case(
        "p0-4-model-hangs",
        _MODEL,
        provider(Behaviour.HANG_BEFORE_HEADERS),
        passages_shown(CONTRACTORS),
        sent_again,
    ),
    Case("storage-gone", _DEPENDENCIES["object_storage"], unmounted, answered(KNOWN)),
)


@pytest.fixture(scope="module")
def service() -> Iterator[Breakable]:
    """Yield the real product, each part a process that is started again only by a case."""
    with breakable(with_document=False) as running:
        yield running


@pytest.fixture(scope="module")
def filled(service: Breakable) -> Breakable:
    """Return the service with documents in it."""
    with httpx2.Client(trust_env=False, timeout=120) as reader:
        service.openai.script = written
        hand_in(reader, service.settings["BACKEND_URL"])
    return service


@pytest.fixture
def scene(chromium: Browser, filled: Breakable, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Yield a reader before a service of which everything works."""
    with (
        httpx2.Client(trust_env=False, timeout=120) as reader,
        window(chromium, filled.settings["FRONTEND_URL"], viewport=SIZE) as each,
    ):
        found = Scene(filled, reader, each, request.config.getoption("pictures"))
        until(found.is_well, "everything is well")
        until(found.knows, "an answer is saved")
        yield found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_told_and_there_is_a_way_out(scene: Scene, case: Case) -> None:
    """Every page says what is not as usual, within 5 s; what should work works, and comes back."""
    with case.fault(scene):
        seconds = scene.banner_after(str(case.banner.heading))
        results[f"banner {case.name} s"] = seconds
        case.meanwhile(scene)
        expect(scene.page.locator(".banner strong").first).to_contain_text(str(case.banner.heading))
        scene.picture(case.name)
    until(scene.is_well, "everything is well again")
    case.after(scene)
    assert scene.window.complaints == []
    assert seconds <= SOON_S
