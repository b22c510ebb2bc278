"""What the web page weighs, and what each kind of page costs to make.

The CPU time is that of the whole request in the frontend's process, asking a backend in the same
process included, so it is more than the page costs.
"""

import asyncio
import sys
import time

import httpx2
import structlog
from benchmarks.harness.report import Figure, Floor, Report, conclude, options, percentile
from tests.web.conftest import PAGE_URL, Page, ScriptedBackend
from tests.web.tour import State, states

from info_assistant.web.app import create_frontend

ROUNDS = 60
MEASURED = ("the form", "answer answered", "documents", "source", "status", "watch unwell")
WORDS = "Up to five days of annual leave may be carried over. "


async def measure(rounds: int) -> Report:
    """Measure each kind of page so many times, and the first page's weight."""
    backend = ScriptedBackend()
    app = create_frontend("http://backend", transport=httpx2.ASGITransport(app=backend.app))
    transport = httpx2.ASGITransport(app=app)
    named = {state.name: state for state in states(WORDS) if state.name in MEASURED}
    async with httpx2.AsyncClient(transport=transport, base_url=PAGE_URL) as browser:
        for state in named.values():
            await _cost(browser, backend, state)  # Templates are compiled when first used.
        figures = [
            Figure(name, "CPU-ms", [await _cost(browser, backend, state) for _ in range(rounds)])
            for name, state in named.items()
        ]
        weight = await _weight(browser)
    slowest = max(percentile(figure.rounds, 0.5) for figure in figures)
    return Report(
        "web",
        {"rounds": rounds},
        figures,
        [
            Floor("slowest kind of page, p50", "CPU-ms", slowest, 10.0, "at most"),
            Floor("first page with all it loads", "kB", weight / 1000, 60.0, "at most"),
        ],
        ["The whole request: client, frontend and a backend in one process, so more than a page."],
    )


async def _cost(browser: httpx2.AsyncClient, backend: ScriptedBackend, state: State) -> float:
    backend.replies.clear()
    state.arrange(backend)
    began = time.process_time()
    await state.visit(browser)
    return (time.process_time() - began) * 1000


async def _weight(browser: httpx2.AsyncClient) -> int:
    first = await browser.get("/")
    page = Page(first)
    loaded = [str(node.attributes["href"]) for node in page.css("link")]
    loaded += [str(node.attributes["src"]) for node in page.css("script")]
    pieces = [await browser.get(address) for address in loaded]
    return sum(len(each.content) for each in (first, *pieces))


def main() -> int:
    """Measure, and keep the figures."""
    given = options(__doc__ or "")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return conclude(asyncio.run(measure(10 if given.quick else ROUNDS)), given)


if __name__ == "__main__":
    sys.exit(main())
