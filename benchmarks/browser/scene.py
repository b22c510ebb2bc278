"""A reader before the real product, of which parts are broken and modes are thrown."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from pathlib import Path

import httpx2
from benchmarks.browser.conftest import Window
from benchmarks.harness.breakable import Breakable
from benchmarks.harness.processes import await_true
from PIL import Image
from playwright.sync_api import Page, expect

from info_assistant.drills.provider_formats import Asked
from info_assistant.drills.scripted_answers import passages_in
from info_assistant.web.languages import LANGUAGES

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SAMPLES = Path(__file__).parents[2] / "samples" / "documents"
SUBJECTS = ("people", "access-to-information", "security")

KNOWN = "How many days of annual leave can be carried over?"
"""What has been asked before, so that the answer is saved."""

ABROAD = "May I work from another country for two weeks?"
HALF_DAYS = "May annual leave be taken in half days?"
CERTIFICATE = "When is a medical certificate required for sick leave?"
DESK = "What may a remote worker claim for a desk?"
LOST, STOLEN = "How soon do I report a lost device?", "Whom do I tell of a stolen device?"
RECORDS = "How do I request records under access to information?"
FEE = "How much is the application fee for a request for records?"
BREACH = "When is a data breach to be reported?"
NOTICED = "To whom does somebody who suspects a data breach report it?"
CONTRACTORS = "Do contractors report a data breach as well?"

_DEVICE, _REPORTED = "Report a lost or stolen device", "Anyone who notices or suspects a breach"
ANSWERS = {
    KNOWN: "Up to 10 days of unused annual leave",
    ABROAD: "Working from another country is allowed",
    HALF_DAYS: "It may be taken as soon as it has accrued",
    CERTIFICATE: "A medical certificate is required",
    DESK: "Each remote worker may claim",
    LOST: _DEVICE,
    STOLEN: _DEVICE,
    RECORDS: "Send the request to the Access and Privacy Office",
    FEE: "The application fee is",
    BREACH: _REPORTED,
    NOTICED: _REPORTED,
    CONTRACTORS: "Contractors have the same duty",
}
"""How the sentence begins that the stand-in for a language model answers each question with."""

FINISHED = "section.answer:not([aria-busy]) #result"
DEADLINE_S = 240.0
_LOOK_S = 0.1
_WAIT_MS = 120_000
_TALLEST = 1100
_COLOURS = 256
_QUESTION = re.compile(r"<question>([^<]*)</question>")


@dataclass
class Scene:
    """What a case does: the service is broken, `reader` is without a browser, `window` has one."""

    service: Breakable
    reader: httpx2.Client
    window: Window
    pictured: bool

    @property
    def page(self) -> Page:
        """The page in the window."""
        return self.window.page

    @property
    def backend(self) -> str:
        """Where the API is."""
        return self.service.settings["BACKEND_URL"]

    def head(self, language: str = "en") -> str:
        """Return what stands above the main part of a page, and so on every page."""
        response = self.reader.get(
            f"{self.window.url}/accessibility", headers={"Accept-Language": language}
        )
        return unescape(response.text.partition("<main")[0])

    def banner_after(self, heading: str) -> float:
        """Return after how many seconds every page says so, in each language; else fail."""
        began = time.monotonic()
        until(lambda: heading in self.head(), f"a page says: {heading}")
        seconds = round(time.monotonic() - began, 1)
        for language in LANGUAGES:
            said = language.say(heading)
            assert said in self.head(language.code), f"{language.code} does not say: {said}"
        return seconds

    def switch(self, **values: object) -> None:
        """Throw switches, or release those that are None."""
        order = {"reason": "Shown for the documentation", **values}
        self.reader.put(f"{self.backend}/v1/admin/modes", json=order).raise_for_status()

    def tell(self, status: str) -> None:
        """Tell readers of an incident, and how far people are with it."""
        order = {
            "id": "shown",
            "title": "Answers are slower than usual",
            "status": status,
            "message": "We have found the cause and expect to be done by 15:00.",
        }
        self.reader.put(f"{self.backend}/v1/admin/incidents", json=order).raise_for_status()

    def ask(self, question: str) -> None:
        """Ask on the first page, and wait for the page that comes of it."""
        self.page.goto(self.window.url)
        self.page.locator("#question").fill(question)
        self.send()

    def send(self) -> None:
        """Send what is in the box, whatever page it is on."""
        with self.page.expect_navigation(timeout=_WAIT_MS):
            self.page.locator("form.ask > button").click()

    def is_answered(self) -> None:
        """Wait for the answer, which has sources."""
        expect(self.page.locator(FINISHED)).to_be_visible(timeout=_WAIT_MS)
        expect(self.page.locator(".sources .number").first).to_be_visible()

    def is_told(self, heading: str, question: str) -> None:
        """Wait for the words of a failure, with the question still in the box."""
        expect(self.page.locator("#result")).to_have_text(heading, timeout=_WAIT_MS)
        expect(self.page.locator("#question")).to_have_value(question)

    def is_well(self) -> bool:
        """Whether nothing is down or switched, and no page says so."""
        try:
            well = self.reader.get(f"{self.backend}/health", params={"strict": "1"}).is_success
        except httpx2.HTTPError:
            return False
        return well and 'class="banner' not in self.head()

    def knows(self) -> bool:
        """Ask what has been asked before; return whether the answer was saved."""
        response = self.reader.post(f"{self.backend}/v1/query", json={"question": KNOWN})
        return response.is_success and response.json()["served_by"]["cache"] == "hit"

    def picture(self, name: str) -> None:
        """Keep what the window shows in docs/pictures, if pictures are wanted."""
        if not self.pictured:
            return
        self.page.evaluate("scrollTo(0, 0)")
        whole = Image.open(BytesIO(self.page.screenshot(full_page=True)))
        shot = whole.crop((0, 0, whole.width, min(whole.height, _TALLEST)))
        # Pages have few colours: a palette makes a third of the size, and nothing is seen of it.
        shot.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(
            PICTURES / f"{name}.png", optimize=True
        )


def written(asked: Asked) -> str:
    """Write, as a model would, the sentence of a passage that answers, and name the passage."""
    if "</sentence>" in asked.text:
        return "CONFIRMED"
    begins = ANSWERS[unescape(_QUESTION.findall(asked.text)[-1])]
    for passage in passages_in(asked):
        if begins in passage.text:
            sentence = begins + passage.text.partition(begins)[2]
            return re.split(r"[.](?=\s|$)", sentence)[0] + f" [{passage.id}]."
    return "NO_ANSWER"


def until(holds: Callable[[], bool], what: str) -> None:
    """Return once it holds. Raises TimeoutError after DEADLINE_S."""
    await_true(holds, DEADLINE_S, what, _LOOK_S)


def hand_in(reader: httpx2.Client, backend: str) -> None:
    """Put in the sample documents of some subjects, and wait until they can be asked."""
    files = [path for each in SUBJECTS for path in sorted((SAMPLES / each).iterdir())]
    for path in files:
        reader.post(
            f"{backend}/v1/documents",
            files={"file": (path.name, path.read_bytes())},
            data={"source": str(path.relative_to(SAMPLES))},
        ).raise_for_status()

    def ready() -> bool:
        page = reader.get(f"{backend}/v1/documents", params={"state": "ready", "limit": "100"})
        return len(page.json().get("documents", ())) == len(files)

    until(ready, "the documents are ready")
