"""The engine as one file, and the runbook as one page: both work when nothing else does."""

import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from scripts.build_engine import build

from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.offline import page
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.shipped import shipped_runbook


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one-file program."""
    return build(tmp_path_factory.mktemp("engine") / "incident-engine.pyz")


def call(program: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Call it with a Python that sees no installed package, no settings and no network programs."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(program), *arguments],
        cwd=folder,
        env={"INCIDENT_DIR": str(folder / "i"), "INCIDENT_ACTOR": "ada", "PATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_an_incident_from_beginning_to_end(program: Path, tmp_path: Path) -> None:
    """With no package installed all of the record works, on the runbook that came with it."""
    for arguments in (
        ("incident", "open", "P0-3"),
        ("incident", "ack"),
        ("incident", "run"),
        ("incident", "note", "no cluster at hand"),
        ("incident", "resolve", "so"),
        ("incident", "close"),
        ("incident", "verify-log", "--id", "p0-3"),
    ):
        done = call(program, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    told = call(program, tmp_path, "incident", "timeline", "--id", "p0-3").stdout
    assert "failed; a program is not there: bash cannot be started" in told
    assert "began line" in told
    assert "closed" in told


def test_lint_show_and_plan(program: Path, tmp_path: Path) -> None:
    """The commands for runbooks work as well."""
    (tmp_path / "r.md").write_bytes(shipped_runbook())
    assert call(program, tmp_path, "runbook", "lint", "r.md").returncode == 1
    assert "🚨" in call(program, tmp_path, "runbook", "show", "r.md").stdout
    assert "[mutating]" in call(program, tmp_path, "runbook", "plan", "r.md", "P0-1").stdout


def test_it_holds_no_part_of_the_product(program: Path) -> None:
    """Only the engine, its runbook and three packages with their licences are in it."""
    names = zipfile.ZipFile(program).namelist()
    parts = {name.split("/")[1] for name in names if name.startswith("info_assistant/")} - {""}
    assert parts == {"__init__.py", "runbooks"}
    tops = {name.split("/")[0] for name in names if "dist-info" not in name}
    assert tops == {"info_assistant", "click", "markdown_it", "mdurl", "__main__.py"}
    assert any("LICENSE" in name for name in names)


class _Addresses(HTMLParser):
    """Gathers what a page would load."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.loaded: list[tuple[str, str | None]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what it loads."""
        self.tags.add(tag)
        self.loaded += [(tag, value) for name, value in attrs if name in {"src", "data", "srcset"}]


def test_the_page_loads_nothing(seed: Runbook) -> None:
    """It has the signs put right, every command with its class, and nothing to be loaded."""
    text = page(seed)
    seen = _Addresses()
    seen.feed(text)
    assert seen.loaded == []
    assert not seen.tags & {"script", "link", "img", "iframe", "form"}
    assert "🚨" in text
    assert text.count("<tr><td>") >= 39
    assert seed.sha256 in text


def test_markup_in_a_runbook_is_shown_and_not_taken_over() -> None:
    """A runbook from elsewhere cannot bring a script onto the page."""
    runbook = parse_runbook(
        b"# <script>x()</script>\n\n<img src=x onerror=y()>\n\n```bash\necho '<script>z()'\n```\n",
        "r.md",
    )
    seen = _Addresses()
    seen.feed(page(runbook))
    assert not seen.tags & {"script", "img"}
