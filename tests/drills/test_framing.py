"""Messages are found again however a network splits their bytes, and nothing of them is lost."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.drills.framing import EventCutter, Framing, HttpFraming, Piece, RespFraming

Resp = bytes
SIMPLE = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=20)


def bulk(data: bytes) -> Resp:
    """Return a string as RESP sends it."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def aggregate(kind: bytes, parts: Sequence[Resp], each: int = 1) -> Resp:
    """Return an array, set, map or push of these parts."""
    return b"%b%d\r\n%b" % (kind, len(parts) // each, b"".join(parts))


LEAVES = st.one_of(
    st.binary(max_size=60).map(bulk),
    SIMPLE.map(lambda text: f"+{text}\r\n".encode("latin-1")),
    SIMPLE.map(lambda text: f"-ERR {text}\r\n".encode("latin-1")),
    st.integers().map(lambda number: b":%d\r\n" % number),
    st.sampled_from([b"$-1\r\n", b"*-1\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n", b"(123\r\n"]),
    st.binary(max_size=20).map(lambda data: b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data)),
)
MESSAGES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.lists(parts, max_size=4).map(lambda some: aggregate(b"*", some)),
        st.lists(parts, max_size=4).map(lambda some: aggregate(b"~", some)),
        st.lists(st.tuples(parts, parts), max_size=3).map(
            lambda pairs: aggregate(b"%", [part for pair in pairs for part in pair], 2)
        ),
        st.tuples(parts, parts, parts).map(lambda three: b"|1\r\n" + b"".join(three)),
    ),
    max_leaves=12,
)


def split(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return the bytes in parts, cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


def pieces(framing: Framing, parts: Sequence[bytes], *, ends: bool = False) -> list[Piece]:
    """Return what the parts, one after the other, are taken apart into."""
    found = [piece for part in parts for piece in framing.feed(part)]
    return found + (list(framing.finish()) if ends else [])


CUTS = st.lists(st.integers(0, 10_000), max_size=30)


@given(st.lists(MESSAGES, max_size=5), CUTS)
def test_resp_messages_are_found_in_any_split(messages: list[bytes], cuts: list[int]) -> None:
    """Each message of Redis comes out whole, and as it went in."""
    found = pieces(RespFraming(), split(b"".join(messages), cuts))
    assert [piece.raw for piece in found] == messages
    assert all(piece.first and piece.last for piece in found)


def test_a_command_has_its_name() -> None:
    """A fault may concern some commands only."""
    (piece,) = pieces(RespFraming(), [aggregate(b"*", [bulk(b"eval"), bulk(b"return 1")])])
    assert piece.name == "EVAL"


@pytest.mark.parametrize("framing", [RespFraming, HttpFraming])
def test_what_is_no_message_is_refused(framing: Callable[[], Framing]) -> None:
    """A connection that speaks another language is not passed on for ever."""
    with pytest.raises(ValueError, match="no "):
        pieces(framing(), [b"?\r\n" * 40_000])


HEADERS = st.sampled_from(["X-Any: thing", "x-other:1", "Accept: text/event-stream"])


@st.composite
def http_bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return the headers of a body with their line ends, and the body as it travels."""
    chunks = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4))
    if draw(st.booleans()):
        body = b"".join(chunks)
        return b"Content-Length: %d\r\n" % len(body), body
    travelling = b"".join(b"%X;any=1\r\n%b\r\n" % (len(each), each) for each in chunks)
    trailer = draw(st.sampled_from([b"", b"X-Checked: yes\r\n"]))
    return b"transfer-encoding: chunked\r\n", travelling + b"0\r\n" + trailer + b"\r\n"


@st.composite
def http_messages(draw: st.DrawFn, first_line: bytes) -> bytes:
    """Return a request, or a reply, of HTTP."""
    headers = draw(st.lists(HEADERS, max_size=3))
    length, body = draw(http_bodies())
    lines = b"".join(f"{each}\r\n".encode() for each in headers)
    return first_line + b"\r\nHost: here\r\n" + lines + length + b"\r\n" + body


def oracle_bodies(data: bytes, count: int) -> list[bytes]:
    """Return the bodies of requests as another parser finds them."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    bodies = []
    for _ in range(count):
        body = b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA
            body += event.data if isinstance(event, h11.Data) else b""
        bodies.append(body)
        connection.send(h11.Response(status_code=204, headers=[]))
        connection.send(h11.EndOfMessage())
        connection.start_next_cycle()
    return bodies


@given(st.lists(http_messages(b"POST /v1/query HTTP/1.1"), min_size=1, max_size=3), CUTS)
def test_requests_are_found_in_any_split(messages: list[bytes], cuts: list[int]) -> None:
    """Heads, bodies and ends are where another parser finds them; all bytes come out again."""
    whole = b"".join(messages)
    found = pieces(HttpFraming(), split(whole, cuts))
    assert b"".join(piece.raw for piece in found) == whole
    assert [piece.name for piece in found if piece.first] == ["POST /v1/query"] * len(messages)
    bodies = [b""]
    for piece in found:
        bodies[-1] += piece.data
        if piece.last:
            bodies.append(b"")
    assert bodies[-1] == b""
    assert bodies[:-1] == oracle_bodies(whole, len(messages))


@given(st.lists(http_messages(b"HTTP/1.1 200 OK"), min_size=1, max_size=3), CUTS)
def test_replies_are_found_in_any_split(messages: list[bytes], cuts: list[int]) -> None:
    """As many replies begin and end as there are, and all bytes come out again."""
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" + b"".join(messages)
    found = pieces(HttpFraming(replies=True), split(whole, cuts))
    assert b"".join(piece.raw for piece in found) == whole
    assert sum(piece.first for piece in found) == len(messages)
    assert sum(piece.last for piece in found) == len(messages)


@given(st.binary(max_size=100), CUTS)
def test_a_reply_without_length_ends_with_its_connection(body: bytes, cuts: list[int]) -> None:
    """What a server says until it hangs up is one reply."""
    whole = b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n" + body
    found = pieces(HttpFraming(replies=True), split(whole, cuts), ends=True)
    assert b"".join(piece.data for piece in found) == body
    assert [piece.last for piece in found].count(True) == 1
    assert found[-1].last


def test_replies_without_a_body_are_whole() -> None:
    """A reply to HEAD, and those that never have a body, end with their heads."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    (piece,) = pieces(HttpFraming(replies=True, bodiless=lambda: True), [head])
    assert piece.last
    nothing = [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"]
    assert [piece.last for piece in pieces(HttpFraming(replies=True), nothing)] == [True, True]


EVENTS = st.lists(
    st.tuples(st.integers(0, 99), st.booleans(), st.sampled_from(["\n", "\r\n"])), max_size=6
)


@given(EVENTS, st.integers(1, 4), CUTS)
def test_a_stream_is_cut_after_its_nth_event(
    events: list[tuple[int, bool, str]], limit: int, cuts: list[int]
) -> None:
    """Pings between events do not count, and not a byte more than the last event passes."""
    frames = []
    for number, pinged, end in events:
        ping = f": ping{end}{end}" if pinged else ""
        frames.append(f"{ping}event: a{end}data: {json.dumps(number)}{end}{end}".encode())
    cutter = EventCutter(limit)
    passed = b"".join(cutter.feed(part) for part in split(b"".join(frames), cuts))
    assert passed == b"".join(frames[:limit])
    assert cutter.done is (len(events) >= limit)
