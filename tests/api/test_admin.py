"""What operators turn on and off, and tell readers of incidents, over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from tests.api.conftest import Backend, ScriptedPipeline, Start
from tests.clocks import HandClock

from info_assistant.api.services import ApiServices
from info_assistant.model.backup import BackupReport, KnownBackups
from info_assistant.model.identity import LOCAL_OPERATOR, Caller, Role
from info_assistant.model.mode import ModeName
from info_assistant.ports import Credentials
from info_assistant.resilience.modes import Modes
from info_assistant.resilience.process_object import ProcessObject

MODES, INCIDENTS = "/v1/admin/modes", "/v1/admin/incidents"
OUTAGE = {"id": "p0-1", "title": "Slow", "status": "investigating", "message": "We look into it."}


class Readers:
    """Takes everybody for a reader."""

    async def caller(self, credentials: Credentials) -> Caller:
        """Return a reader."""
        assert not credentials.bearer
        return replace(LOCAL_OPERATOR, role=Role.READER)


async def throw(backend: Backend, **values: object) -> Any:  # noqa: ANN401  JSON.
    """Throw switches and return the reply."""
    body = {"reason": "A drill.", **values}
    response = await backend.client.put(MODES, json=body)
    return response.json() | {"status": response.status_code}


async def test_switch_is_in_force_and_shown_everywhere(backend: Backend) -> None:
    """The reply, the list, /health, the metric and the header of every answer say the same."""
    reply = await throw(backend, CACHE_ONLY_MODE=True, actor="incident service", expires_in=60)
    (mode,) = reply["modes"]
    assert mode["expires_at"] > mode["since"]
    assert {name: mode[name] for name in mode if name not in {"since", "expires_at"}} == {
        "name": "CACHE_ONLY_MODE",
        "value": True,
        "source": "switch",
        "actor": "local-operator",
        "on_behalf_of": "incident service",
        "reason": "A drill.",
    }
    assert (await backend.client.get(MODES)).json() == {"modes": [mode]}
    health = await backend.client.get("/health")
    assert health.json()["modes"] == [mode]
    assert health.headers["x-served-mode"] == "CACHE_ONLY_MODE"
    await backend.client.get("/metrics")
    assert backend.count("mode_active", mode="CACHE_ONLY_MODE") == 1
    assert backend.count("mode_active", mode="MAINTENANCE_MODE") == 0
    assert (await throw(backend, CACHE_ONLY_MODE=None))["modes"] == []
    await backend.client.get("/metrics")
    assert backend.count("mode_active", mode="CACHE_ONLY_MODE") == 0


async def test_maintenance_answers_with_the_operators_words(
    backend: Backend, pipeline: ScriptedPipeline
) -> None:
    """Questions and documents are refused before anything is done; health and admin are not."""
    await throw(backend, MAINTENANCE_MODE=True, MAINTENANCE_MESSAGE="Back at noon.", expires_in=90)
    refused = await backend.ask()
    assert (refused.status_code, refused.json()["code"]) == (503, "maintenance")
    assert refused.json()["detail"] == "Back at noon."
    assert 80 < int(refused.headers["retry-after"]) <= 90
    assert pipeline.questions == []
    assert (await backend.client.get("/health")).status_code == 200
    assert (await backend.client.get("/health?strict=1")).status_code == 503
    await throw(backend, MAINTENANCE_MODE=False)
    assert (await backend.ask()).status_code == 200


async def test_environment_and_contradiction_are_conflicts(
    services: ApiServices, start: Start
) -> None:
    """Each has its own code; the message says what can be done instead."""
    modes = Modes({ModeName.REDIS_ENABLED: "false"}, ProcessObject())
    async with start(replace(services, modes=modes)) as backend:
        lifted = await throw(backend, REDIS_ENABLED=True)
        assert (lifted["status"], lifted["code"]) == (409, "mode_set_by_environment")
        assert "kubectl set env deployment/backend REDIS_ENABLED-" in lifted["detail"]
        both = await throw(backend, CACHE_ONLY_MODE=True)
        assert (both["status"], both["code"]) == (409, "contradictory_modes")
        assert [each["source"] for each in (await throw(backend, INGESTION_PAUSED=True))["modes"]]


@pytest.mark.parametrize(
    "body",
    [
        {"CACHE_ONLY_MODE": True},
        {"CACHE_ONLY_MODE": True, "reason": "  "},
        {"reason": "Nothing to do."},
        {"CACHE_ONLY_MOD": True, "reason": "A slip."},
        {"CACHE_ONLY_MODE": "perhaps", "reason": "A drill."},
        {"LLM_PROVIDER": "oracle", "reason": "A drill."},
        {"MAINTENANCE_MESSAGE": "x" * 501, "reason": "A drill."},
        {"CACHE_ONLY_MODE": True, "reason": "A drill.", "expires_in": 0},
        {"CACHE_ONLY_MODE": True, "reason": "A drill.", "expires_in": 10**9},
    ],
)
async def test_order_that_makes_no_sense_is_refused(backend: Backend, body: dict[str, Any]) -> None:
    """A reason is needed, known names, known values, and a time within 30 days."""
    response = await backend.client.put(MODES, json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert (await backend.client.get(MODES)).json() == {"modes": []}


async def test_only_operators_turn_the_switches(services: ApiServices, start: Start) -> None:
    """Readers may neither see nor change; what is public is in /health."""
    async with start(replace(services, authenticator=Readers())) as backend:
        for method, path in (("GET", MODES), ("PUT", MODES), ("GET", INCIDENTS)):
            response = await backend.client.request(method, path)
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_expired_switch_lifts_itself(services: ApiServices, start: Start) -> None:
    """Nobody has to do anything; the next request is served."""
    clock = HandClock()
    async with start(replace(services, modes=Modes(clock=clock))) as backend:
        await throw(backend, MAINTENANCE_MODE=True, expires_in=60)
        assert (await backend.ask()).status_code == 503
        clock.at += timedelta(seconds=60)
        assert (await backend.ask()).status_code == 200
        assert (await backend.client.get("/health")).json()["modes"] == []


async def test_switches_and_incidents_are_in_the_audit_trail(backend: Backend) -> None:
    """Who did what, to which value and why; refusals too."""
    await throw(backend, MAINTENANCE_MODE=True, MAINTENANCE_MESSAGE="Soon.")
    await backend.client.put(INCIDENTS, json=OUTAGE)
    await backend.client.put(MODES, json={"MAINTENANCE_MODE": True})
    trail = (await backend.client.get("/v1/admin/audit")).json()["events"]
    refused, incident, thrown = trail[:3]
    assert (thrown["action"], thrown["actor"]) == ("modes.change", "local-operator")
    assert thrown["target"] == "MAINTENANCE_MODE MAINTENANCE_MESSAGE"
    assert thrown["detail"]["reason"] == "A drill."
    assert thrown["detail"]["MAINTENANCE_MODE"] == "true"
    assert (incident["action"], incident["target"]) == ("incidents.change", "p0-1")
    assert (refused["action"], refused["outcome"]) == ("modes.change", "invalid_request")


async def test_incidents_are_told_in_health_and_counted(backend: Backend) -> None:
    """A report is shown without its author, replaced by its next, and counted while it is open."""
    first = (await backend.client.put(INCIDENTS, json=OUTAGE | {"version": 0})).json()
    (told,) = first["incidents"]
    assert set(told) == {"id", "title", "status", "message", "started_at", "updated_at"}
    assert (await backend.client.get("/health")).json()["incidents"] == [told]
    await backend.client.get("/metrics")
    assert backend.count("incident_open") == 1
    late = await backend.client.put(INCIDENTS, json=OUTAGE | {"version": 0})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    over = OUTAGE | {"status": "resolved", "version": first["version"]}
    assert (await backend.client.put(INCIDENTS, json=over)).status_code == 200
    shown = (await backend.client.get(INCIDENTS)).json()
    assert (shown["version"], [each["status"] for each in shown["incidents"]]) == (2, ["resolved"])
    await backend.client.get("/metrics")
    assert backend.count("incident_open") == 0


@pytest.mark.parametrize(
    "change", [{"id": "../x"}, {"id": ""}, {"title": ""}, {"status": "over"}, {"more": 1}]
)
async def test_report_that_makes_no_sense_is_refused(
    backend: Backend, change: dict[str, Any]
) -> None:
    """Names, words and states are checked."""
    response = await backend.client.put(INCIDENTS, json=OUTAGE | change)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_backups_are_shown_to_operators(services: ApiServices, start: Start) -> None:
    """As they were when somebody looked; nobody having looked is not the same as none."""
    at = datetime(2026, 11, 23, 13, 6, tzinfo=UTC)
    bad = BackupReport(id="b2", state="bad", began_at=at, detail="A pack is missing.")
    good = BackupReport(
        id="b1", state="good", began_at=at, size_bytes=7, verified_at=at, restore_s=1.5
    )
    for known in (KnownBackups(), KnownBackups(at, [bad, good])):
        looking = replace(services, backups=partial(replace, known))
        async with start(looking) as backend:
            reply = (await backend.client.get("/v1/admin/backups")).json()
        assert (reply["looked_at"] is None) == (known.looked_at is None)
        assert [each["id"] for each in reply["backups"]] == [each.id for each in known.backups]
    assert reply["backups"][1] == {
        "id": "b1",
        "state": "good",
        "began_at": "2026-11-23T13:06:00Z",
        "size_bytes": 7,
        "verified_at": "2026-11-23T13:06:00Z",
        "restore_s": 1.5,
        "detail": "",
    }
