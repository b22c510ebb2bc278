"""Looking for barriers on the page that a window shows: axe-core, and pa11y beside it.

pa11y is a program of Node's. It comes from npm by `requirements/pa11y/package-lock.json` (exact
versions, each with its SHA-512), sees the very page that Playwright has gone to, forms included,
and runs HTML_CodeSniffer on it. What that only warns of ("check that …") is counted, not judged.
"""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "build" / "pa11y" / "node_modules"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class BarrierScan:
    """Both programs before the pages of one Chromium.

    `warnings` counts, by HTML_CodeSniffer's code, what a person is to look at.
    """

    process: "subprocess.Popen[str]"
    warnings: Counter[str] = field(default_factory=Counter)
    version: str = ""

    def findings(self, page: Page) -> list[str]:
        """Return what axe and pa11y find wrong, contrasts that axe could not decide included."""
        return [*_axe(page), *self._pa11y(page)]

    def _pa11y(self, page: Page) -> Iterator[str]:
        session = page.context.new_cdp_session(page)
        target = session.send("Target.getTargetInfo")["targetInfo"]["targetId"]
        session.detach()
        order = {"target": target, "runners": ["htmlcs"], "viewport": page.viewport_size}
        reply = self._asked(order)
        self.version = reply["version"]
        for issue in reply["issues"]:
            if issue["type"] == "error":
                yield f"pa11y {issue['code']}: {issue['context'][:160]} {issue['message'][:200]}"
            else:
                self.warnings[issue["code"]] += 1

    def _asked(self, order: Mapping[str, object]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline() or '{"error": "pa11y has ended"}'
        reply: dict[str, Any] = json.loads(said)
        if "error" in reply:
            pytest.fail(f"pa11y could not look: {reply['error']}")
        return reply


def _axe(page: Page) -> Iterator[str]:
    found = Axe().run(page, options={"runOnly": RULES}).response
    unsure = [each for each in found["incomplete"] if each["id"] == "color-contrast"]
    for each in found["violations"] + unsure:
        for node in each["nodes"]:
            said = node.get("failureSummary", "")
            yield f"axe {each['id']}: {node['html'][:160]} {said[:200]}"


@contextmanager
def barrier_scan(debugging_port: int) -> Iterator[BarrierScan]:
    """Start pa11y beside the Chromium with this debugging port, and end it."""
    node = shutil.which("node")
    if node is None or not (MODULES / "pa11y").is_dir():
        pytest.fail(
            "There is no pa11y here. Install node and npm (Node 20 or newer), then: make browser"
        )
    command = [node, str(Path(__file__).with_name("pa11y.cjs"))]
    with subprocess.Popen(
        [*command, f"http://127.0.0.1:{debugging_port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"NODE_PATH": str(MODULES), "PATH": str(Path(node).parent)},
    ) as process:
        # It ends when its input is closed, which the end of this block does.
        yield BarrierScan(process)
