"""Pages of two versions share their visitors' cookies while one replaces the other."""

from collections.abc import Mapping
from dataclasses import asdict

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.web.test_cookies import set_by

from info_assistant.web.attempts import Attempt
from info_assistant.web.cookies import SealedCookies
from info_assistant.web.languages import ENGLISH
from info_assistant.web.sessions import Sessions
from info_assistant.web.visits import Session

SECRET = "a secret of enough characters, 1234"
SESSION = Session("keys", "pia_x", "key:1", "Import", "", expires_at=2e9, csrf="c")
ATTEMPT = Attempt.begin("/documents", now=1e9)
DRAFT = {"question": "How?", "subject": "", "until": 2e9}
NAME = f"attempt-{ATTEMPT.state[:12]}"


def browser_with(name: str, content: Mapping[str, object]) -> Request:
    """Return the request of a browser that keeps this content."""
    response = Response()
    bare = Request({"type": "http", "headers": []})
    SealedCookies(SECRET, secure=False).write(bare, response, name, content)
    line = "; ".join(f"{name}={value}" for name, value in set_by(response).items())
    headers = [(b"cookie", line.encode())]
    state = {"request_id": "r", "language": ENGLISH}
    place = {"method": "GET", "path": "/", "query_string": b"", "server": ("info.example", 80)}
    return Request({"type": "http", "headers": headers, "state": state, **place})


@pytest.fixture
def sessions() -> Sessions:
    """Return what the present version remembers."""
    return Sessions(SECRET, secure=False, clock=lambda: 1e9)


def test_what_a_newer_page_adds_is_passed_over(sessions: Sessions) -> None:
    """Its sessions, attempts and drafts are good here too."""
    added = {"added": ["by", "the", "next", "version"]}
    kept = browser_with("session", {**asdict(SESSION), **added})
    assert sessions.visit(kept).session == SESSION
    kept = browser_with(NAME, {**asdict(ATTEMPT), **added})
    assert sessions.attempt(kept, ATTEMPT.state) == ATTEMPT
    assert sessions.draft(browser_with("draft", {**DRAFT, **added}), SESSION) == "How?"


def test_what_an_older_page_did_not_know_counts_as_nothing(sessions: Sessions) -> None:
    """A cookie without a field that is needed here is none at all, and no fault."""
    lacking = {"added": 1}
    assert sessions.visit(browser_with("session", lacking)).session is None
    assert sessions.attempt(browser_with(NAME, lacking), ATTEMPT.state) is None
    assert sessions.draft(browser_with("draft", lacking), SESSION) == ""
