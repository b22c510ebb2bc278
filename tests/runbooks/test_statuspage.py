"""What the public page is told: fields as Statuspage takes them, and a state that was seen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runbooks.test_templates import incident_with

from info_assistant.drills.receivers import running_receivers
from info_assistant.runbooks.outbox.messages import Act, Content, Message
from info_assistant.runbooks.receivers.configured import setup_of
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.receivers.statuspage import STATUSPAGE
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.telling.assertions import Case
from info_assistant.runbooks.telling.effects import component_state
from info_assistant.runbooks.telling.facts import Facts

COMPONENT_STATES = {
    "operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance",
}  # fmt: skip


def test_the_fields_are_those_of_the_api(tmp_path: Path) -> None:
    """Lengths are cut, readers are notified unless it is a drill, an update is a PATCH of the same.

    The stand-in refuses what has no OAuth token or is no JSON, as the real one does.
    """
    with running_receivers() as receivers:
        given = {
            "STATUSPAGE_TOKEN": "statuspage-token",
            "STATUSPAGE_PAGE": "page1",
            "STATUSPAGE_API_URL": f"{receivers.url}/statuspage",
            "STATUSPAGE_COMPONENTS": "c1,c2",
        }
        page = setup_of(given, tmp_path).receivers["statuspage"]
        known: dict[str, str] = {}
        for content in (
            Content("t" * 300, "b" * 30_000, "investigating", effect="partial_outage"),
            Content("t", "**again**", "monitoring"),
        ):
            message = Message("m", "i", "statuspage", Act.STATE, content)
            known |= page.send(Attempt(message, known, repeated=False))
        (method, path, body), (second, update, change) = receivers.taken["statuspage"].calls
        first, last = body["incident"], change["incident"]
        assert (method, path) == ("POST", "pages/page1/incidents")
        assert (second, update) == ("PATCH", f"pages/page1/incidents/{known['id']}")
        assert (len(first["name"]), len(first["body"])) == (255, 25_000)
        assert (first["status"], first["impact_override"]) == ("investigating", "critical")
        assert first["deliver_notifications"] is True
        assert first["components"] == {"c1": "partial_outage", "c2": "partial_outage"}
        assert first["component_ids"] == ["c1", "c2"]
        assert last["body"] == "again"
        assert "components" not in last, "what nobody knows stays as the page has it"
        drill = Message("n", "d", "statuspage", Act.STATE, Content("t", "x", drill=True))
        page.send(Attempt(drill, {}, repeated=False))
        _, _, exercise = receivers.taken["statuspage"].calls[-1]
        assert exercise["incident"]["deliver_notifications"] is False
    assert STATUSPAGE == "https://api.statuspage.io/v1"


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (Facts(reachable=False), "major_outage"),
        (Facts(reachable=True, answers=False), "major_outage"),
        (Facts(True, True, {"qdrant": "down"}), "partial_outage"),
        (Facts(True, False, {"qdrant": "down", "redis": "ok"}), "partial_outage"),
        (Facts(True, False, {"qdrant": "down", "redis": "down"}), "major_outage"),
        (Facts(True, True, {"openai": "down", "redis": "down"}), "partial_outage"),
        (Facts(True, True, {"redis": "down"}), "degraded_performance"),
        (Facts(True, True, {}, {"MAINTENANCE_MODE": "true"}), "under_maintenance"),
        (Facts(), ""),
        (Facts(True, True, {"qdrant": "ok"}), ""),
    ],
)
def test_the_state_of_components_is_what_was_seen(facts: Facts, state: str) -> None:
    """A cache that is gone is no major outage; what nobody knows is not told."""
    assert component_state(Case(facts, incident_with())) == state


@given(
    st.sampled_from([True, False, None]),
    st.sampled_from(["ok", "down", "unknown"]),
    st.sampled_from([None, Kind.MITIGATED, Kind.RESOLVED]),
)
def test_operational_is_said_only_when_it_is_over_or_seen(
    reachable: bool | None,  # noqa: FBT001  A value.
    qdrant: str,
    kind: Kind | None,
) -> None:
    """While it lasts, only after somebody acted and the service was seen to answer."""
    incident = incident_with(*([(kind, {})] if kind else []))
    state = component_state(Case(Facts(reachable, reachable, {"qdrant": qdrant}), incident))
    assert state in COMPONENT_STATES | {""}
    if state == "operational" and kind is not Kind.RESOLVED:
        assert kind is Kind.MITIGATED
        assert reachable
        assert qdrant != "down"
