"""Sealed cookies come back as they were written, or not at all."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.web.cookies import MOST_PARTS, PART_CHARACTERS, ContentTooLarge, SealedCookies

COOKIES = SealedCookies("a secret of enough characters, 1234", secure=False)
CONTENTS = st.dictionaries(
    st.text(max_size=20),
    st.one_of(st.text(max_size=2000), st.integers(), st.none(), st.booleans()),
    max_size=3,
)


def request_with(cookies: dict[str, str]) -> Request:
    """Return a request that carries these cookies."""
    line = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Request({"type": "http", "headers": [(b"cookie", line.encode())]})


def set_by(response: Response) -> dict[str, str]:
    """Return the cookies that a response sets, those that it deletes as empty ones."""
    lines = [value.decode() for name, value in response.raw_headers if name == b"set-cookie"]
    pairs = [line.split(";", 1)[0].split("=", 1) for line in lines]
    return {name: value.strip('"') for name, value in pairs}


def written(content: dict[str, Any], name: str = "c") -> dict[str, str]:
    """Return the cookies that hold `content`."""
    response = Response()
    COOKIES.write(request_with({}), response, name, content)
    return set_by(response)


@given(CONTENTS)
def test_content_comes_back(content: dict[str, Any]) -> None:
    """Whatever is written is read again, over as many cookies as it takes, each below 4 kB."""
    cookies = written(content)

    assert COOKIES.read(request_with(cookies), "c") == content
    assert all(len(name) + len(value) < 4096 for name, value in cookies.items())


@given(CONTENTS, st.data())
def test_altered_content_is_none_at_all(content: dict[str, Any], data: st.DataObject) -> None:
    """A change of any one bit makes the cookie unreadable, and never an error."""
    cookies = written(content)
    joined = "".join(cookies.values()).split(".", 1)[1]
    sealed = bytearray(base64.urlsafe_b64decode(joined))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    text = base64.urlsafe_b64encode(sealed).decode()
    parts = [text[at : at + PART_CHARACTERS] for at in range(0, len(text), PART_CHARACTERS)]
    names = ["c", *(f"c.{number}" for number in range(1, MOST_PARTS))]
    altered = dict(zip(names, [f"{len(parts)}.{parts[0]}", *parts[1:]], strict=False))

    assert (
        COOKIES.read(request_with({f"info-assistant-{n}": v for n, v in altered.items()}), "c")
        is None
    )


@given(st.text(st.characters(codec="ascii", exclude_characters=';, \\"')))
def test_nonsense_is_none_at_all(value: str) -> None:
    """No cookie, however it came about, is an error."""
    assert COOKIES.read(request_with({"info-assistant-c": value}), "c") is None


def test_one_cookie_is_not_taken_for_another() -> None:
    """What was sealed as a draft cannot be given back as a session."""
    (value,) = written({"question": "x"}, "draft").values()

    assert COOKIES.read(request_with({"info-assistant-draft": value}), "draft") is not None
    assert COOKIES.read(request_with({"info-assistant-session": value}), "session") is None


def test_shorter_content_leaves_nothing_of_the_longer() -> None:
    """Writing less than before deletes the cookies that are not needed any more."""
    long = written({"text": "x" * 8000})
    response = Response()
    COOKIES.write(request_with(long), response, "c", {"text": "short"})
    kept = long | set_by(response)

    assert len(long) == 3
    assert [name for name, value in kept.items() if value] == ["info-assistant-c"]
    assert COOKIES.read(request_with(kept), "c") == {"text": "short"}


def test_endless_content_is_refused() -> None:
    """More than servers take in a request's headers is not kept at all."""
    with pytest.raises(ContentTooLarge):
        written({"text": "x" * 12_000})
    assert not COOKIES.fits("c", {"text": "x" * 12_000})


def test_half_of_a_character_breaks_nothing() -> None:
    """A lone surrogate, which a form can hold, is kept as a question mark."""
    cookies = written({"question": "a\ud800b"})

    assert COOKIES.read(request_with(cookies), "c") == {"question": "a?b"}
