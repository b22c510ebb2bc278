"""The outside probe, and the downtime that follows from what it has seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

import pytest
from benchmarks.harness.plain_server import QuietHandler, served
from benchmarks.harness.processes import await_true
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.rehearsal.probe import (
    Asked,
    Outcome,
    Probe,
    Sample,
    downtime_s,
    outages,
)

_OUTCOMES = st.sampled_from(Outcome)


@st.composite
def _samples(draw: st.DrawFn) -> list[Sample]:
    """Questions one after the other, as a probe asks them: each after the one before has ended."""
    at, found = 1_000_000.0, []
    for outcome in draw(st.lists(_OUTCOMES, max_size=30)):
        seconds = draw(st.integers(0, 40)) / 8
        found.append(Sample(at, seconds, Asked.NEW, outcome))
        at += max(seconds, 1.0) + draw(st.integers(0, 8)) / 8
    return found


def _span_s(samples: list[Sample]) -> float:
    return samples[-1].at + samples[-1].seconds - samples[0].at if samples else 0.0


@given(_samples())
def test_downtime_lies_between_nothing_and_all_of_the_time(samples: list[Sample]) -> None:
    """No downtime where all were answered, all of the time where nobody was, else between."""
    down = downtime_s(samples)
    assert 0.0 <= down <= _span_s(samples) + 1e-6
    if all(each.good for each in samples):
        assert down == 0.0
    if samples and not any(each.good for each in samples):
        assert down == pytest.approx(_span_s(samples))


@given(_samples(), st.integers(0, 29))
def test_one_more_failure_never_shortens_the_downtime(samples: list[Sample], at: int) -> None:
    """A question that fails in place of an answered one adds to the downtime, or nothing."""
    if at < len(samples):
        old = samples[at]
        worse = Sample(old.at, old.seconds, old.asked, Outcome.REFUSED)
        changed = [*samples[:at], worse, *samples[at + 1 :]]
        assert downtime_s(changed) >= downtime_s(samples)


@given(_samples(), st.randoms())
def test_the_order_in_which_samples_are_kept_does_not_matter(
    samples: list[Sample], random: object
) -> None:
    """The same samples in another order are the same downtime."""
    mixed = list(samples)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert outages(mixed) == outages(samples)


@given(_samples())
def test_outages_are_apart_in_order_and_add_up(samples: list[Sample]) -> None:
    """Outages follow each other with something good between them, and make up the downtime."""
    found = outages(samples)
    assert sum(end - begin for begin, end in found) == downtime_s(samples)
    for (_, end), (begin, _) in pairwise(found):
        assert end < begin
    for each in samples:
        if each.good:
            assert not any(begin <= each.at < end for begin, end in found)
        else:
            assert any(begin <= each.at <= end for begin, end in found)


def test_a_question_that_hangs_counts_for_as_long_as_it_hung() -> None:
    """Between an answer at 0 s and one at 7 s lies a question of 5 s without one: 6 s, from 1 s."""
    samples = [
        Sample(0.0, 0.1, Asked.NEW, Outcome.ANSWERED),
        Sample(1.0, 5.0, Asked.NEW, Outcome.SILENT),
        Sample(7.0, 0.1, Asked.NEW, Outcome.ANSWERED),
    ]
    assert outages(samples) == [(1.0, 7.0)]


@contextmanager
def _answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer(self)

    with served(Handler, waits=False) as port:
        yield f"http://127.0.0.1:{port}"


def _reply(code: int, body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


_CASES = {
    "answered": (_reply(200, b'{"status": "answered"}'), Outcome.ANSWERED, ""),
    "partly": (_reply(200, b'{"status": "partial"}'), Outcome.ANSWERED, ""),
    "no answer": (
        _reply(200, b'{"status": "unanswerable_no_evidence"}'),
        Outcome.UNANSWERED,
        "unanswerable_no_evidence",
    ),
    "a problem": (
        _reply(500, b'{"code": "vector_store_unavailable"}'),
        Outcome.REFUSED,
        "vector_store_unavailable",
    ),
    "a gateway": (_reply(502, b"<html>"), Outcome.REFUSED, "http_502"),
    "no JSON": (_reply(200, b"<html>"), Outcome.UNREACHABLE, ""),
    "hung up": (_hang_up, Outcome.UNREACHABLE, ""),
}


@pytest.mark.parametrize("case", _CASES)
def test_what_a_reader_gets_is_told_apart(case: str) -> None:
    """An answer, a 200 without one, an error with its code, and nothing at all."""
    answer, outcome, code = _CASES[case]
    with _answering(answer) as url:
        probe = Probe(url, "How many days?", Asked.NEW)
        try:
            await_true(lambda: len(probe.samples) > 0, 30, "the probe has asked")
        finally:
            probe.close()
    first = probe.samples[0]
    assert (first.outcome, first.code) == (outcome, code)
