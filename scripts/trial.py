"""Tries a stack as a newcomer would: start it, ask over HTTP and on the page, stop it.

Usage: python scripts/trial.py COMMAND…   such as: python scripts/trial.py make up

Only the standard library is used, because it also runs on machines that hold nothing else.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

QUESTION = "How do I request records under access to information?"
RUNNING = "Running. Press Ctrl-C to stop."
START_S = 900.0
"""Long, because `make up` may have everything to install first."""
STOP_S = 12.0
REQUEST_S = 60.0


class TrialFailed(Exception):
    """The stack does not do what a newcomer is promised; the message says what."""


def main(command: Sequence[str]) -> int:
    """Run the whole trial on `command`; return the exit code."""
    environment = dict(os.environ)  # noqa: TID251  A script, not the product.
    try:
        with running(command, environment):
            ask_everywhere(environment)
    except TrialFailed as failure:
        print(f"The trial failed: {failure}", file=sys.stderr)
        return 1
    print("The trial passed: a cited answer over HTTP and on the page, and a clean stop.")
    return 0


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
) -> Iterator[None]:
    """Run `command` until it says that it is running; stop it with Ctrl-C at the end.

    Raises TrialFailed if it does not start, or if it does not stop in time.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(environment),
        cwd=cwd,
        start_new_session=True,
    )
    said = _Said()
    reader = threading.Thread(target=_echo, args=(process, said), daemon=True)
    reader.start()
    try:
        if not said.enough.wait(START_S) or not said.running:
            raise TrialFailed(f"{' '.join(command)} did not come up.")
        yield
    finally:
        _stop(process)
        reader.join(STOP_S)


class _Said:
    """Whether the command has said that it is running, and whether that is decided."""

    def __init__(self) -> None:
        self.running = False
        self.enough = threading.Event()


def _echo(process: "subprocess.Popen[str]", said: _Said) -> None:
    for line in process.stdout or ():
        print(f"  | {line}", end="", flush=True)
        if RUNNING in line:
            said.running = True
            said.enough.set()
    # The end of the output decides it too: the command has failed, or was stopped.
    said.enough.set()


def _stop(process: "subprocess.Popen[str]") -> None:
    """Press Ctrl-C: the whole foreground group gets the signal, as from a terminal."""
    began = time.monotonic()
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_S)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        raise TrialFailed(f"Ctrl-C did not end the stack within {STOP_S:.0f} s.") from error
    print(f"Stopped after {time.monotonic() - began:.1f} s.")


def ask_everywhere(environment: Mapping[str, str]) -> None:
    """Ask over HTTP and on the page. Raises TrialFailed unless both cite the same quote."""
    backend = f"http://127.0.0.1:{environment.get('BACKEND_PORT', '8000')}"
    frontend = f"http://127.0.0.1:{environment.get('FRONTEND_PORT', '8080')}"
    quote = ask_over_http(backend)
    ask_on_the_page(frontend, quote)


def ask_over_http(backend: str) -> str:
    """Return the first quote of the answer that `POST /v1/query` gives."""
    request = urllib.request.Request(  # noqa: S310  Our own loopback address.
        f"{backend}/v1/query",
        data=json.dumps({"question": QUESTION}).encode(),
        headers={"Content-Type": "application/json"},
    )
    reply: dict[str, Any] = json.loads(_fetch(request))
    if reply["status"] != "answered" or not reply["citations"]:
        raise TrialFailed(f"the backend gave no cited answer: {json.dumps(reply)[:500]}")
    quote = str(reply["citations"][0]["quote"])
    print(f"HTTP: {quote!r}")
    return quote


def ask_on_the_page(frontend: str, quote: str) -> None:
    """Fill in the page's own form and look for `quote` in what comes back."""
    page = Page.parse(_fetch(urllib.request.Request(frontend + "/")))  # noqa: S310
    if not page.question_field:
        raise TrialFailed("the page has no form to ask a question in.")
    fields = {**page.hidden, page.question_field: QUESTION}
    address = urllib.parse.urljoin(frontend + "/", page.action)
    form = urllib.parse.urlencode(fields)
    if page.method == "post":
        request = urllib.request.Request(  # noqa: S310
            address, data=form.encode(), headers={"Origin": frontend}
        )
    else:
        request = urllib.request.Request(f"{address}?{form}")  # noqa: S310
    text, place = _fetched(request)
    deadline = time.monotonic() + REQUEST_S
    # The page of an answer asks for itself again until it is finished.
    while _squeezed(quote) not in _squeezed(Page.parse(text).text):
        if time.monotonic() > deadline:
            shown = Page.parse(text).text[:2000]
            raise TrialFailed(f"the page does not show the quote {quote!r}: {shown}")
        text, place = _fetched(urllib.request.Request(place))  # noqa: S310
    print("Page: shows the same quote.")


def _fetch(request: urllib.request.Request) -> str:
    return _fetched(request)[0]


def _fetched(request: urllib.request.Request) -> tuple[str, str]:
    """Return what is there, and the address that it led to."""
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_S) as response:  # noqa: S310
            return str(response.read().decode()), str(response.geturl())
    except urllib.error.HTTPError as error:
        words = error.read().decode(errors="replace")[:500]
        raise TrialFailed(f"{request.full_url} answered {error.code}: {words}") from error
    except OSError as error:
        raise TrialFailed(f"{request.full_url} does not answer: {error}") from error


def _squeezed(text: str) -> str:
    return "".join(text.split())


class Page(HTMLParser):
    """What a person sees on a page, and the form to ask a question in."""

    def __init__(self) -> None:
        """Begin with an empty page."""
        super().__init__()
        self.action = ""
        self.method = "get"
        self.question_field = ""
        self.hidden: dict[str, str] = {}
        self.text = ""

    @classmethod
    def parse(cls, source: str) -> "Page":
        """Read a whole page."""
        page = cls()
        page.feed(source)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form that has a field for text, and its other fields."""
        given = {name: value or "" for name, value in attrs}
        if self.question_field or tag not in {"form", "input", "textarea"}:
            return
        if tag == "form":
            self.action, self.method = given.get("action", ""), given.get("method", "get").lower()
            self.hidden = {}
        elif tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given.get("value", "")
        elif tag == "textarea" or (
            tag == "input" and given.get("type") in {"text", "search", None}
        ):
            self.question_field = given.get("name", "")

    def handle_data(self, data: str) -> None:
        """Collect what is there to read."""
        self.text += data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
