"""Debian's Chromium before the page: `make browser`. `make test` does not come here."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.browser.barriers import BarrierScan, barrier_scan
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright
from tests.web.conftest import ScriptedBackend
from tests.web.signing_in import served
from tests.web.tour import State

from info_assistant.drills.ports import unused_port
from info_assistant.web.app import create_frontend
from info_assistant.web.rendering import Look
from info_assistant.web.sign_in import SignInConfig

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "browser.json"
CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PORT = unused_port()
"""Where Chromium lets pa11y in."""

# Long enough for a busy machine: what is to be soon is measured by itself.
expect.set_options(timeout=60_000)

results: dict[str, Any] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let pictures be kept: each run makes others, of another minute."""
    parser.addoption("--pictures", action="store_true", help="keep what is seen in docs/pictures")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Yield the browser; the figures of the run are kept at its end."""
    if CHROMIUM is None:
        pytest.fail("There is no Chromium here. On Debian: apt install chromium")
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, f"--remote-debugging-port={PORT}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        results["chromium"] = browser.version
        browser.close()
    # A run of some tests leaves the figures of the others as they were.
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    text = json.dumps(known | results, indent=1, sort_keys=True)
    RESULTS.write_text(text + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def barriers(chromium: Browser) -> Iterator[BarrierScan]:
    """Yield axe and pa11y before the pages of `chromium`."""
    assert chromium.is_connected()
    with barrier_scan(PORT) as scan:
        yield scan
    results["pa11y"] = scan.version


@dataclass
class Window:
    """A page of the browser, what it has asked for and what it has complained of."""

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def visit(self, state: State) -> None:
        """Go to a state as a reader does: by address, by the form, or by a form of its own."""
        if state.first:
            self.page.goto(self.url + state.first)
        if state.question is not None:
            self.page.goto(self.url)
            self.page.locator("#question").fill(state.question)
            with self.page.expect_navigation():
                self.page.locator("form.ask > button").click()
        elif state.send is not None:
            self.page.goto(self.url)
            with self.page.expect_navigation():
                self.page.evaluate(_SEND, [state.path, state.send])
        else:
            self.page.goto(self.url + state.path)
        self.page.wait_for_load_state()


_SEND = """([path, fields]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: path });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}"""


@contextmanager
def window(chromium: Browser, url: str, **options: Any) -> Iterator[Window]:  # noqa: ANN401  Chromium's own.
    """Open a window on the page at `url`."""
    context: BrowserContext = chromium.new_context(**options)
    page = context.new_page()
    found = Window(page, url)
    page.on("request", lambda request: found.asked.append(request.url))
    page.on("dialog", lambda dialog: _dismiss(found, dialog))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("console", lambda said: _note(found, said.type, said.text))
    try:
        yield found
    finally:
        context.close()


def _dismiss(found: Window, dialog: Dialog) -> None:
    found.complaints.append("a dialog")
    dialog.dismiss()


def _note(found: Window, kind: str, text: str) -> None:
    # Chromium reports every status from 400 on as an error of the console.
    if kind == "error" and "Failed to load resource" not in text:
        found.complaints.append(text)


@contextmanager
def scripted_page(
    backend: ScriptedBackend, *, look: Look | None = None, sign_in: SignInConfig | None = None
) -> Iterator[str]:
    """Serve a page before `backend`, and yield its address."""
    app = create_frontend(
        "http://backend",
        transport=httpx2.ASGITransport(app=backend.app),
        look=look or Look(),
        sign_in=sign_in,
    )
    with served(app) as url:
        yield url
