"""Templates say only what is so; everything else is left out, and the operator is told."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.keeping.cadence import interval_s, template_of
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident, incident_of
from info_assistant.runbooks.telling import markup, notices
from info_assistant.runbooks.telling.assertions import Case, judged
from info_assistant.runbooks.telling.effects import component_state
from info_assistant.runbooks.telling.facts import Facts, done_of
from info_assistant.runbooks.telling.templates import Clock, drill_marked, filled

NOW = datetime(2026, 11, 26, 3, 20, tzinfo=UTC)
BEGAN = datetime(2026, 11, 26, 3, 12, tzinfo=UTC)


def incident_with(*events: tuple[Kind, dict[str, object]], scenario: str = "P0-1") -> Incident:
    """An incident with these events."""
    opened: dict[str, object] = {
        "id": "i",
        "title": "t",
        "scenario": scenario,
        "started": BEGAN.isoformat(),
    }
    return incident_of(
        Event(n, NOW, "ada", "desk", kind, data, "", f"h{n}", "", Instant(NOW))
        for n, (kind, data) in enumerate([(Kind.OPENED, opened), *events], start=1)
    )


def case(facts: Facts, incident: Incident) -> Case:
    """What sentences are judged by."""
    return Case(facts, incident)


def step(command: str) -> list[tuple[Kind, dict[str, object]]]:
    """A step that was done."""
    begun: dict[str, object] = {"step": command, "command": command}
    return [(Kind.STARTED, begun), (Kind.FINISHED, {**begun, "outcome": "done"})]


def test_the_template_of_an_outage(seed: Runbook) -> None:
    """P0-1: status, impact, beginning, ticks from the record and an honest next update."""
    incident = incident_with(*step("kubectl get nodes"), *step("kubectl rollout undo deployment/b"))
    facts = Facts(reachable=False, done=done_of(incident))
    text = filled(
        template_of(seed, "P0-1"), case(facts, incident), Clock(NOW, interval_s(seed, "P0-1"))
    ).text
    assert "**Status**: INVESTIGATING" in text
    assert "All users unable to access the system" in text
    assert "**Started**: 2026-11-26 03:12 UTC" in text
    assert "- [x] Infrastructure health check" in text
    assert "- [ ] Dependency verification" in text
    assert "- [x] Rollback initiated" in text
    assert "Next update: 2026-11-26 03:35 UTC" in text
    assert "[TIME" not in text


def test_what_is_not_so_is_left_out(seed: Runbook) -> None:
    """A service that answers is not called unreachable; the operator learns what was left out."""
    done = filled(
        template_of(seed, "P0-1"), case(Facts(reachable=True), incident_with()), Clock(NOW, 900)
    )
    assert "unable to access" not in done.text
    assert "System Outage" not in done.text
    assert "P0 INCIDENT" in done.text
    assert any("unable to access" in sentence for sentence, _ in done.left_out)


@pytest.mark.parametrize("redis", ["ok", "down", "unknown"])
def test_the_template_of_a_provider(seed: Runbook, redis: str) -> None:
    """P0-4: cached answers are promised only while they can be given; the cadence is 30 minutes."""
    facts = Facts(reachable=True, dependencies={"openai": "down", "redis": redis})
    incident = incident_with(scenario="P0-4")
    text = filled(template_of(seed, "P0-4"), case(facts, incident), Clock(NOW, 1800)).text
    assert "Waiting for OpenAI service restoration" in text
    assert "every 30 minutes" in text
    assert ("Cached queries are still available" in text) is (redis == "ok")
    assert ("Use cached queries" in text) is (redis == "ok")


@given(
    reachable=st.sampled_from([True, False, None]),
    states=st.fixed_dictionaries(
        {n: st.sampled_from(["ok", "down", "unknown"]) for n in ("qdrant", "redis", "openai")}
    ),
    slower=st.sampled_from([True, False, None]),
    mitigated=st.booleans(),
)
def test_no_sentence_is_untrue(
    *, reachable: bool | None, states: dict[str, str], slower: bool | None, mitigated: bool
) -> None:
    """Whatever the state: what is told to the public follows from it, and nothing else is told."""
    events: list[tuple[Kind, dict[str, object]]] = [(Kind.MITIGATED, {})] if mitigated else []
    facts = Facts(reachable, reachable, states, slower=slower)
    text = notices.public_text(case(facts, incident_with(*events)), Clock(NOW, 900)).text
    assert ("cannot reach" in text) <= (reachable is False and not mitigated)
    assert ("reach the service again" in text) <= (reachable is True and mitigated)
    assert ("Questions cannot be answered" in text) <= (states["qdrant"] == "down")
    assert ("slower" in text) <= (slower is True)
    assert ("answered anew" in text) <= (states["redis"] == "down" and reachable is True)
    assert ("still are" in text) <= (states["redis"] == "ok" and reachable is True)


_SUFFER, _ANOTHER = "New questions may be slow or fail.", "Answers are written by another provider."


@pytest.mark.parametrize(
    ("anthropic", "first", "failing", "said"),
    [
        ("ok", "anthropic", None, {_ANOTHER}),  # As after option 2 of P0-4.
        ("ok", "auto", True, {_SUFFER}),
        ("ok", "auto", False, set()),  # Whether Anthropic steps in is a setting nobody tells us.
        ("ok", "openai", None, set()),
        ("down", "anthropic", None, {_SUFFER}),
        ("off", "auto", None, {_SUFFER}),
        ("unknown", "auto", None, set()),
        ("ok", "extractive", None, set()),
    ],
)
def test_who_writes_while_openai_is_down(
    anthropic: str, first: str, *, failing: bool | None, said: set[str]
) -> None:
    """That questions suffer is told where it was seen or nobody else is there, never after that."""
    states = {"openai": "down", "anthropic": anthropic, "qdrant": "ok", "redis": "ok"}
    facts = Facts(True, True, states, {"LLM_PROVIDER": first}, failing)
    for events in ([], [(Kind.MITIGATED, dict[str, object]())]):
        known = case(facts, incident_with(*events, scenario="P0-4"))
        text = notices.public_text(known, Clock(NOW, 900)).text
        assert {each for each in (_SUFFER, _ANOTHER) if each in text} == said
        assert (component_state(known) == "partial_outage") is (_SUFFER in said)
    assert judged("Language model outage", case(facts, incident_with()))[0] is (
        _ANOTHER not in said
    )


def test_a_sentence_that_no_rule_knows_is_left_out() -> None:
    """Nobody has to believe what nobody checked."""
    fine, reason = judged("The database team is on it.", case(Facts(), incident_with()))
    assert not fine
    assert "no check is known" in reason


def test_the_all_clear_says_that_nothing_was_lost_only_if_somebody_said_so() -> None:
    """Loss of data is told as a person wrote it when they resolved."""
    facts = Facts(reachable=True, answers=True)
    for text, said in (("Disk enlarged", False), ("Disk enlarged; no data was lost", True)):
        incident = incident_with((Kind.RESOLVED, {"text": text}))
        assert ("No data was lost" in notices.all_clear(case(facts, incident)).text) is said


def test_a_drill_says_so() -> None:
    """Nobody takes an exercise for real."""
    incident = incident_with()
    incident.drill = True
    assert drill_marked("x", incident).startswith("DRILL")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("**bold** and [a](https://x.org)", "*bold* and <https://x.org|a>"),
        ("# Head\n- [ ] a\n- [x] b\n- c", "*Head*\n\u2610 a\n\u2611 b\n\u2022 c"),
        ("a < b & `**code**`", "a &lt; b &amp; `**code**`"),
        ("call @eng-manager, not @cto or a@b.org", "call <!subteam^S01>, not @cto or a@b.org"),
        ("@oncall", "<@U02>"),
    ],
)
def test_markdown_as_slack_writes_it(text: str, wanted: str) -> None:
    """Bold, links, boxes, escapes; handles ping where their id is known."""
    assert markup.slack(text, {"@eng-manager": "S01", "@oncall": "U02"}) == wanted


def test_a_letter_promises_no_further_one() -> None:
    """Who gets a letter gets no updates: the time of the next one is for those who do."""
    known = case(Facts(reachable=False), incident_with())
    assert "Next update" in notices.public_text(known, Clock(NOW, 900)).text
    for text in (notices.customer_notice(known), notices.executive_brief(known, Clock(NOW, 900))):
        assert "cannot reach" in text.text
        assert "Next update" not in text.text
