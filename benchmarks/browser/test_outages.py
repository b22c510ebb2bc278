"""What a reader sees while parts of the real product are stopped: the right words, and how soon."""

import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from benchmarks.browser.conftest import results, window
from playwright.sync_api import Browser, expect
from tests.conftest import RunningStack, running_stack

DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """Yield the real product, which these tests stop in parts."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as running:
        yield running


def banner_after(stack: RunningStack, heading: str) -> float:
    """Return after how many seconds a page says so; fail after DEADLINE_S."""
    began = time.monotonic()
    with httpx2.Client(trust_env=False, timeout=10) as reader:
        while time.monotonic() - began < DEADLINE_S:
            page = reader.get(f"{stack.frontend_url}/accessibility").text
            if heading in page.partition("<main")[0]:
                return round(time.monotonic() - began, 1)
    pytest.fail(f"no page says: {heading}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("role", "heading"),
    [("serve", "The service does not respond"), ("local-qdrant", "The search is not available")],
)
def test_a_part_that_hangs_is_told(
    chromium: Browser, stack: RunningStack, role: str, heading: str
) -> None:
    """A stopped process is a banner on every page, soon; it goes when the process goes on."""
    part = stack.child(role)
    part.send_signal(signal.SIGSTOP)
    try:
        results[f"banner-{role}-s"] = banner_after(stack, heading)
        with window(chromium, stack.frontend_url) as each:
            each.page.goto(each.url)
            expect(each.page.locator(".banner strong")).to_have_text(f"{heading}.")
            expect(each.page.locator("#question")).to_be_visible()
    finally:
        part.send_signal(signal.SIGCONT)
    began = time.monotonic()
    while banner_now(stack, heading):
        assert time.monotonic() - began < DEADLINE_S, "the banner stays"


def banner_now(stack: RunningStack, heading: str) -> bool:
    """Whether a page says so at this moment."""
    page = httpx2.get(f"{stack.frontend_url}/accessibility", trust_env=False, timeout=10).text
    return heading in page.partition("<main")[0]


@pytest.mark.timeout(900)
def test_a_switch_is_told_and_released(chromium: Browser, stack: RunningStack) -> None:
    """An operator throws a switch on the page: everybody reads it, with its end, until released."""
    with window(chromium, stack.frontend_url) as each:
        page = each.page
        page.goto(f"{each.url}/watch")
        page.locator("#switch").select_option("INGESTION_PAUSED=true")
        page.locator("form.throw [name=reason]").fill("Moving the index")
        page.locator("#minutes").fill("30")
        page.locator("form.throw button").click()
        expect(page.locator(".thanks")).to_be_visible()
        heading = "No documents are added at the moment"
        results["banner-switch-s"] = banner_after(stack, heading)
        page.reload()
        expect(page.locator(".switched dd").first).to_have_text("Moving the index")
        page.locator(".switched [name=reason]").fill("Done")
        page.locator(".switched button").click()
        expect(page.locator(".switched")).to_have_count(0)


@pytest.mark.timeout(900)
def test_a_document_is_added_and_found(
    chromium: Browser, stack: RunningStack, tmp_path: Path
) -> None:
    """A file handed in on the page becomes ready before the reader's eyes, and answers."""
    file = tmp_path / "moon.md"
    file.write_text("# Moon base\n\nThe moon base opens to visitors on 3 May 2031 at noon.\n")
    with window(chromium, stack.frontend_url) as each:
        page = each.page
        page.goto(f"{each.url}/documents/add")
        page.locator("#file").set_input_files(file)
        page.locator("form.add button").click()
        expect(page.locator(".thanks")).to_be_visible()
        row = page.locator(".document", has_text="moon.md")
        expect(row.locator(".state")).to_have_text("Ready", timeout=60_000)
        page.goto(each.url)
        page.locator("#question").fill("When does the moon base open to visitors?")
        page.locator("form.ask > button").click()
        expect(page.locator("section.answer")).to_contain_text("3 May 2031", timeout=30_000)
