"""The judge of what was told: agrees with true sentences, and finds every false one.

The timelines are made by hand: a probe's samples, a fault and what was done, and one message.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from info_assistant.drills.truth.judging import Report, judge
from info_assistant.drills.truth.seen import (
    Asked,
    Happened,
    Happening,
    Message,
    Outcome,
    Sample,
)

ZERO = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
FAULT_S, MENDED_S = 60, 600
END_S = 1800


def at(seconds: float) -> datetime:
    """A moment of the timeline."""
    return ZERO + timedelta(seconds=seconds)


def probe(
    during: Outcome, *, asked: Asked = Asked.NEW, latency_s: float = 0.1, slow_s: float = 0.1
) -> list[Sample]:
    """A question every 2 s: answered, but from FAULT_S to MENDED_S as `during` says.

    A question that is known has a saved answer outside that time.
    """
    return [
        Sample(at(n), during, slow_s, asked)
        if FAULT_S <= n < MENDED_S
        else Sample(at(n), Outcome.ANSWERED, latency_s, asked, asked is Asked.KNOWN)
        for n in range(0, END_S, 2)
    ]


def happened(part: str = "backend", *others: Happening) -> list[Happening]:
    """A fault of a part, mended later."""
    return [
        Happening(at(FAULT_S), Happened.FAULT, part),
        Happening(at(MENDED_S), Happened.MENDED, part),
        *others,
    ]


OUT = [*probe(Outcome.ERROR), *probe(Outcome.ERROR, asked=Asked.KNOWN)]
HUNG = [*probe(Outcome.TIMED_OUT, slow_s=5), *probe(Outcome.TIMED_OUT, asked=Asked.KNOWN)]
NO_SEARCH = [
    *probe(Outcome.REFUSED),
    *probe(Outcome.ANSWERED, asked=Asked.KNOWN),
    *probe(Outcome.REFUSED, asked=Asked.UPLOAD),
]
SLOW = [
    *probe(Outcome.ANSWERED, slow_s=0.1),
    *probe(Outcome.ANSWERED, asked=Asked.KNOWN, latency_s=0.004, slow_s=0.1),
]
ANEW = [*probe(Outcome.ANSWERED), *probe(Outcome.ANSWERED, asked=Asked.KNOWN)]
"""Nobody waits longer, but no answer is a saved one."""
QUOTES = [*probe(Outcome.DEGRADED), *probe(Outcome.ANSWERED, asked=Asked.KNOWN)]
OVER = [*probe(Outcome.ANSWERED), *probe(Outcome.ANSWERED, asked=Asked.KNOWN)]
"""A provider's fault that nobody feels: another one has taken over."""
ACT = Happening(at(90), Happened.ACTION, "kubectl rollout undo deployment/backend")
ACK = Happening(at(80), Happened.ACKNOWLEDGED)


def told(
    samples: Sequence[Sample],
    text: str,
    seconds: float,
    *others: Happening,
    part: str = "backend",
) -> Report:
    """What the judge says of one message."""
    return judge(samples, happened(part, *others), [Message(at(seconds), "slack", text)])


TRUE: Sequence[tuple[Sequence[Sample], str, float, str]] = [
    (OUT, "Users cannot reach the system.", 120, "backend"),
    (HUNG, "*Impact*: All users unable to access the system", 120, "backend"),
    (OUT, "🚨 *P0 INCIDENT* - System outage", 120, "backend"),
    (OUT, "The service may not be reachable", 900, "backend"),
    (OUT, "Users can reach the service again.", 700, "backend"),
    (
        NO_SEARCH,
        "Questions cannot be answered from the documents, and documents cannot be taken in.",
        300,
        "qdrant",
    ),
    (NO_SEARCH, "Questions that were answered before still are.", 300, "qdrant"),
    # Known questions are answered in between, so nothing fails in a row but new ones.
    (NO_SEARCH, "We look into reports of a problem.", 300, "qdrant"),
    (SLOW, "Answers are slower than usual.", 300, "redis"),
    (SLOW, "- Answers are slower, as none is cached", 300, "redis"),
    (ANEW, "Saved answers are affected", 900, "redis"),
    (ANEW, "Each question is answered anew.", 300, "redis"),
    (ANEW, "We look into reports of a problem.", 300, "redis"),
    (QUOTES, "⚠️ *SERVICE DEGRADATION* - Language model outage", 300, "openai"),
    (QUOTES, "*ETA*: Waiting for OpenAI service restoration", 300, "openai"),
    (QUOTES, "New questions may be slow or fail.", 300, "openai"),
    (OVER, "Answers are written by another provider.", 300, "openai"),
    (OUT, "Written at 2026-11-26 03:02 UTC, delivered late.", 240, "backend"),
    (QUOTES, "Cached queries are still available and fast.", 300, "openai"),
    (OUT, "Since 2026-11-26 03:01 UTC.", 120, "backend"),
    (OUT, "The incident is over since 2026-11-26 03:10 UTC. It lasted 9 min.", 660, "backend"),
    (OUT, "resolved 2026-11-26 03:11 UTC", 660, "backend"),
]

FALSE: Sequence[tuple[Sequence[Sample], str, float, str]] = [
    # The service was out of reach before, and is there again when it is said.
    (OUT, "Users cannot reach the system.", 700, "backend"),
    # It answers, though with an error: that is no outage.
    (NO_SEARCH, "*Impact*: All users unable to access the system", 300, "qdrant"),
    (NO_SEARCH, "🚨 *P0 INCIDENT* - System outage", 300, "qdrant"),
    (SLOW, "The service may not be reachable", 300, "redis"),
    (OUT, "Users can reach the service again.", 300, "backend"),
    (
        QUOTES,
        "Questions cannot be answered from the documents, and documents cannot be taken in.",
        300,
        "openai",
    ),
    (OUT, "Questions that were answered before still are.", 300, "backend"),
    (QUOTES, "Answers are slower than usual.", 300, "openai"),
    (SLOW, "Answers are slower than usual.", 900, "redis"),
    (ANEW, "Answers are slower than usual.", 300, "redis"),
    (ANEW, "Each question is answered anew.", 900, "redis"),
    (QUOTES, "⚠️ *SERVICE DEGRADATION* - Language model outage", 900, "openai"),
    (SLOW, "*ETA*: Waiting for OpenAI service restoration", 300, "redis"),
    (NO_SEARCH, "New questions may be slow or fail.", 900, "qdrant"),
    (QUOTES, "Answers are written by another provider.", 300, "openai"),
    (OUT, "Answers are written by another provider.", 300, "openai"),
    (OVER, "Answers are written by another provider.", 300, "redis"),
    (OVER, "New questions may be slow or fail.", 300, "openai"),
    (OUT, "Written at 2026-11-26 03:20 UTC, delivered late.", 240, "backend"),
    (OUT, "Cached queries are still available and fast.", 300, "backend"),
    (OUT, "Since 2026-11-26 02:30 UTC.", 120, "backend"),
    (OUT, "The incident is over since 2026-11-26 03:03 UTC.", 300, "backend"),
    (OUT, "The incident is over since 2026-11-26 03:03 UTC.", 700, "backend"),
    (OUT, "It lasted 1 h 05 min.", 660, "backend"),
    (OUT, "resolved 2026-11-26 03:05 UTC", 300, "backend"),
    (OUT, "Status: RESOLVED", 300, "backend"),
    (OUT, "Next update: 2026-11-26 03:17 UTC.", 120, "backend"),
    (OUT, "Updates every 15 minutes.", 120, "backend"),
    (OUT, "Somebody takes care of it.", 120, "backend"),
    (OUT, "- [x] Rollback initiated", 120, "backend"),
    (OUT, "We have acted and watch whether it holds.", 120, "backend"),
]


@pytest.mark.parametrize(("samples", "text", "seconds", "part"), TRUE)
def test_what_is_so_is_agreed_with(
    samples: Sequence[Sample], text: str, seconds: float, part: str
) -> None:
    """A sentence that fits what the probe saw is true."""
    report = told(samples, text, seconds, part=part)
    assert report.verdicts
    assert report.true == list(report.verdicts), report.data()


@pytest.mark.parametrize(("samples", "text", "seconds", "part"), FALSE)
def test_what_is_not_so_is_found(
    samples: Sequence[Sample], text: str, seconds: float, part: str
) -> None:
    """A sentence that contradicts the probe is untrue, and the report quotes it."""
    report = told(samples, text, seconds, part=part)
    assert report.untrue == list(report.verdicts), report.data()
    assert report.data()["untrue"][0]["needs"]


def test_what_people_did_is_judged_by_what_was_done() -> None:
    """Ticks, care and action are true once they happened, and not before."""
    text = "- [x] Rollback initiated\nSomebody takes care of it.\nWe have acted and watch."
    assert len(told(OUT, text, 120, ACT, ACK).true) == 3
    assert len(told(OUT, text, 65, ACT, ACK).untrue) == 3
    given = Happening(at(100), Happened.HANDED_OVER)
    assert told(OUT, "Somebody takes care of it.", 120, ACK, given).untrue
    assert told(OUT, "Nobody has acknowledged for 1 min.", 120).true
    assert told(OUT, "Nobody has acknowledged for 1 min.", 200, ACK).untrue
    assert told(OUT, "Nobody has acknowledged for 30 min.", 120).untrue


def test_a_promise_is_kept_by_a_further_word_to_the_same_receiver() -> None:
    """Another receiver's word keeps no promise; one that the record ends before is not judged."""
    text = "Next update: 2026-11-26 03:17 UTC."
    first = Message(at(120), "slack", text)
    for receiver, seconds, agrees in (
        ("slack", 1020, True), ("statuspage", 1020, False), ("slack", 1200, False),
    ):  # fmt: skip
        second = Message(at(seconds), receiver, "Since 2026-11-26 03:01 UTC.")
        report = judge(OUT, happened(), [first, second])
        verdict = next(each for each in report.verdicts if each.rule == "next update")
        assert verdict.agrees is agrees
    short = [each for each in OUT if each.at < at(600)]
    assert judge(short, happened(), [first]).not_judged
    assert told(OUT, "Next update: 2026-11-26 02:30 UTC.", 120).untrue


def test_one_failed_question_is_no_outage() -> None:
    """A state is what lasts for three questions in a row."""
    samples = [
        Sample(at(n), Outcome.ERROR if n in {110, 118} else Outcome.ANSWERED, 0.1)
        for n in range(0, 300, 2)
    ]
    assert told(samples, "Users cannot reach the system.", 115).untrue
    assert told(samples, "Users can reach the service again.", 115).true


def test_what_the_probe_did_not_try_is_not_judged() -> None:
    """Without samples of the kind that a sentence is about, nobody says that it is so, or not."""
    new_only = probe(Outcome.REFUSED)
    for text in (
        "Questions that were answered before still are.",
        "Questions cannot be answered from the documents, and documents cannot be taken in.",
    ):
        report = told(new_only, text, 300, part="qdrant")
        assert [each.agrees for each in report.verdicts] == [None]
        assert "nothing was seen" in report.not_judged[0].why
    assert told([], "Users cannot reach the system.", 300).not_judged
    unaccustomed = [each for each in SLOW if each.at >= at(FAULT_S)]
    for words in (
        "Answers are slower than usual.",
        "Each question is answered anew.",
        "Saved answers are affected",
    ):
        assert told(unaccustomed, words, 300, part="redis").not_judged


def test_what_nobody_can_judge_is_listed_with_its_reason_and_counted() -> None:
    """Sentences about what is stored or what people are to do, and sentences that are unknown."""
    text = "No data was lost. Dear customer,\n- [ ] Update status page\nThe moon is full."
    data = told(OUT, text, 120).data()
    assert (data["sentences"], data["true"], data["untrue"]) == (4, 0, [])
    assert data["not_judged"] == 4
    assert [each["sentence"] for each in data["unknown"]] == ["The moon is full."]
    assert sum(data["reasons"].values()) == 4
