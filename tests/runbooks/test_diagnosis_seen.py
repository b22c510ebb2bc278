"""What was seen, and what it is called: recorded from real faults, and made up by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from info_assistant.runbooks.diagnosis.interpreting import evidence_of
from info_assistant.runbooks.diagnosis.observations import (
    Looks,
    Observations,
    Outcome,
    Sample,
    Sampled,
    observations_of,
)
from info_assistant.runbooks.diagnosis.verdict import Answer, Diagnosis, judge

RECORDED = sorted((Path(__file__).parents[1] / "fixtures" / "diagnosis").glob("*.json"))
NEAR, FAR = "http://127.0.0.1:1", "http://far:1"


def _answers(*, seconds: float = 0.01, status: int = 200, near: bool = True) -> Sampled:
    samples = (Sample(Outcome.ANSWERED, status, seconds),) * 4
    return Sampled(NEAR if near else FAR, True, near, samples)


def _ends(outcome: Outcome, *, stated: bool = True, near: bool = True) -> Sampled:
    return Sampled(NEAR if near else FAR, stated, near, (Sample(outcome),) * 4)


def _health(**states: str) -> dict[str, Any]:
    return {
        "status": "ok",
        "limiter": "shared",
        "http": 200,
        "dependencies": {
            name: {"state": state, "since": "03:12"} for name, state in states.items()
        },
    }


def _judged(seen: Observations) -> Diagnosis:
    return judge(evidence_of(seen))


def _codes(seen: Observations) -> list[str]:
    return [each.code for each in _judged(seen).named]


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_what_was_recorded_from_a_real_fault_is_named(file: Path) -> None:
    """The symptoms of each fault of `make diagnosis`, as they were then, lead to its name."""
    recorded = json.loads(file.read_text())
    found = _judged(observations_of(recorded["seen"]))
    assert {each.code for each in found.named} == set(recorded["expected"])
    assert found.answer == recorded["verdict"]


def test_there_are_recordings_of_every_kind() -> None:
    """Healthy and nothing, four faults and their six pairs are among them."""
    named = [frozenset(json.loads(file.read_text())["expected"]) for file in RECORDED]
    assert len({each for each in named if len(each) == 1}) == 4
    assert len({each for each in named if len(each) == 2}) >= 5
    assert frozenset() in named


def test_a_healthy_service_is_healthy() -> None:
    """With /health, the backend and every part well, and no traffic at night."""
    seen = Observations({"backend": _answers()}, _health(qdrant="ok", redis="ok"), Looks(4, {}, {}))
    assert _judged(seen).answer is Answer.HEALTHY


def test_what_no_scenario_is_about_is_unknown() -> None:
    """Object storage that is down is not healthy, and no scenario of ours."""
    seen = Observations({"backend": _answers()}, _health(object_storage="down", qdrant="ok"))
    found = _judged(seen)
    assert found.answer is Answer.UNKNOWN
    assert "object_storage is down" in found.evidence.besides[0]


def test_a_machine_that_may_be_cut_off_blames_nothing() -> None:
    """Where everything far away is silent, that is told instead of an outage."""
    reached = {name: _ends(Outcome.SILENT, near=False) for name in ("backend", "qdrant", "redis")}
    found = _judged(Observations(reached))
    assert found.answer is Answer.UNKNOWN
    assert any("cut off" in each for each in found.evidence.missing)
    reached["openai"] = _answers(near=False)
    assert _codes(Observations(reached)) == ["P0-2", "P0-3", "P0-1"]


def test_assumed_addresses_count_where_the_service_is_here() -> None:
    """A refused port says nothing until another one that was assumed as well answers."""
    alone = {"backend": _ends(Outcome.REFUSED, stated=False)}
    assert _judged(Observations(alone)).answer is Answer.UNKNOWN
    frontend = Sampled(NEAR, False, True, (Sample(Outcome.ANSWERED, 200, 0.01),))
    assert _codes(Observations(alone | {"frontend": frontend})) == ["P0-1"]


def test_what_we_cannot_reach_and_the_backend_can_is_doubted() -> None:
    """Our own way to Qdrant may be closed while the service's is open."""
    reached = {"backend": _answers(), "qdrant": _ends(Outcome.REFUSED)}
    found = _judged(Observations(reached, _health(qdrant="ok", redis="ok")))
    assert found.answer is not Answer.NAMED
    assert found.runner_up is not None
    assert found.runner_up.code == "P0-2"


def test_a_backend_that_hardly_runs_is_no_witness() -> None:
    """It takes its own standing still for that of others; we who ask them know better."""
    reached = {"backend": _answers(seconds=2.0), "qdrant": _answers(), "redis": _answers()}
    looks = Looks(4.0, {}, {"event_loop_lag_seconds_sum": 3.5, "qdrant_connection_errors_total": 3})
    seen = Observations(reached, _health(qdrant="down", redis="degraded"), looks)
    assert _codes(seen) == ["P0-1"]
    both = reached | {"qdrant": _ends(Outcome.SILENT)}
    assert _codes(Observations(both, seen.health, looks)) == ["P0-2", "P0-1"]


def test_a_failing_service_without_a_cause_is_an_outage() -> None:
    """Requests that fail are P0-1, unless a dependency explains them."""
    series = 'http_requests_total{method="POST",route="/v1/query",status="500"}'
    failing = Looks(4.0, {series: 10.0}, {series: 30.0})
    well = _health(qdrant="ok", redis="ok")
    assert _codes(Observations({"backend": _answers()}, well, failing)) == ["P0-1"]
    caused = _health(qdrant="down", redis="ok")
    assert _codes(Observations({"backend": _answers()}, caused, failing)) == ["P0-2"]
    meant = Looks(4.0, failing.before, {**failing.after, 'mode_active{mode="MAINTENANCE_MODE"}': 1})
    assert _codes(Observations({"backend": _answers()}, well, meant)) == []


def test_redis_that_is_switched_off_is_no_failure() -> None:
    """`limiter: local` is what REDIS_ENABLED=false asks for."""
    off = {**_health(qdrant="ok", redis="off"), "limiter": "local"}
    assert _judged(Observations({"backend": _answers()}, off)).answer is Answer.HEALTHY
    lost = {**_health(qdrant="ok", redis="ok"), "limiter": "local"}
    assert _judged(Observations({"backend": _answers()}, lost)).answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("series", "code"),
    [
        ('llm_errors_total{kind="quota",provider="openai"}', "P0-4"),
        ('answers_failed_total{code="generation_unavailable"}', "P0-4"),
        ('answers_failed_total{code="vector_store_unavailable"}', "P0-2"),
    ],
)
def test_a_counter_that_rises_names_its_scenario(series: str, code: str) -> None:
    """What failed before the first look counts nothing; what fails between both does."""
    reached, well = {"backend": _answers()}, _health(qdrant="ok", redis="ok", openai="ok")
    assert _codes(Observations(reached, well, Looks(4.0, {series: 9.0}, {series: 9.0}))) == []
    assert _codes(Observations(reached, well, Looks(4.0, {series: 9.0}, {series: 11.0}))) == [code]


def test_limits_of_a_provider_are_told_and_name_nothing_alone() -> None:
    """A limit that is reached for a moment is a hint; refused for it, while it is down, is more."""
    health = _health(qdrant="ok", redis="ok", openai="ok")
    health["dependencies"]["openai"]["rate_limits"] = {"x-ratelimit-remaining-requests": "0"}
    found = _judged(Observations({"backend": _answers()}, health))
    assert found.runner_up is not None
    assert "remaining-requests: 0" in found.runner_up.evidence[0].words
    refused = {"backend": _answers(), "openai": _answers(status=429, near=False)}
    assert _codes(Observations(refused, health)) == []
    assert _codes(Observations(refused)) == ["P0-4"]


def test_the_second_provider_alone_is_no_outage() -> None:
    """Anthropic that fails is no outage where OpenAI answers, and P0-4 where it is alone."""
    reached = {"backend": _answers()}
    both = Observations(reached, _health(openai="ok", anthropic="down"))
    assert _codes(both) == []
    assert _codes(Observations(reached, _health(openai="off", anthropic="down"))) == ["P0-4"]


def test_cluster_and_prometheus_are_heard() -> None:
    """With no address known, pods that are not ready and targets that are down name it."""
    assert _codes(Observations(pods={"qdrant": (1, 3), "redis": (2, 2)})) == ["P0-2"]
    assert _codes(Observations(pods={"backend": (0, 3)})) == ["P0-1"]
    assert _codes(Observations(prometheus={"redis": 0.0, "qdrant": 3.0})) == ["P0-3"]
    assert _codes(Observations(pods={"qdrant": (2, 3), "backend": (3, 3)})) == []


def test_a_key_that_is_not_taken_is_told_and_names_nothing_alone() -> None:
    """Our key refused, or the backend's calls refused: a hint that names the key."""
    refused = {"backend": _answers(), "openai": _answers(status=401, near=False)}
    found = _judged(Observations(refused))
    assert found.runner_up is not None
    assert "does not take the key" in found.runner_up.evidence[0].words
    assert _codes(Observations(refused)) == []
    assert _codes(Observations(refused, _health(qdrant="ok", redis="ok", openai="ok"))) == []
    series = 'llm_errors_total{kind="refused",provider="openai"}'
    looks = Looks(4.0, {series: 9.0}, {series: 11.0})
    health = _health(qdrant="ok", redis="ok", openai="ok")
    told = _judged(Observations({"backend": _answers()}, health, looks))
    words = [each.words for one in told.named for each in one.evidence]
    assert any("is its key valid" in each for each in words), words
