"""The trial of wiped backends, in short: one kill, and what the comparison finds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from benchmarks.harness.wiped import Call, matched
from benchmarks.wiped_kills import trial
from tests.spending import CALL

from info_assistant.cli.local_redis import server
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import SpendEvent, SpendState

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
EVENT = SpendEvent("e", NOON, CALL, "openai", "m", SpendState.RESERVED, TokenUsage(1, 1), 10, "p")


@pytest.mark.stack
@pytest.mark.model
@pytest.mark.skipif(server() is None, reason="no Redis for this machine")
async def test_a_wiped_backend_loses_seconds_and_says_so(tmp_path: Path) -> None:
    """Nothing older than five seconds is missing, a gap covers it, and totals are rebuilt."""
    outcome = await trial(tmp_path, 1, observed=False, life_s=(2.0, 3.0))
    assert outcome["calls_that_the_provider_counted"] > 0
    assert outcome["lost_earlier_than_5_s_before"] == []
    assert outcome["gaps_told"] == 1
    assert outcome["totals_equal_after_rebuild"]
    assert outcome["holds"]


def test_what_is_lost_is_found() -> None:
    """Each event stands for one call after it; a call without one is lost."""
    at = NOON.timestamp()
    events = [EVENT, replace(EVENT, id="f", at=NOON + timedelta(seconds=10))]
    calls = [Call(at + seconds, 5) for seconds in (0.1, 0.2, 9.0, 10.5)]
    assert matched(calls, events) == calls[1:3]
