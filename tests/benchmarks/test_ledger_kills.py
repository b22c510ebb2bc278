"""The trial of the ledger, in short: three kills of a process that buys answers."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.ledger_kills import compared, trial

from info_assistant.drills.provider_exchange import CountedCall
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ModelCall, SpendEvent, SpendState

EVENT = SpendEvent(
    "e",
    datetime(2026, 11, 26, tzinfo=UTC),
    ModelCall("default", "question-900"),
    "openai",
    "gpt-4o-mini",
    SpendState.COMPLETED,
    TokenUsage(1000, 100),
    210,
    "p",
)
ABORTED = replace(EVENT, state=SpendState.ABORTED, usage=TokenUsage(4000, 200, estimated=True))


@pytest.mark.stack
def test_the_ledger_of_a_killed_process_agrees_with_the_providers(tmp_path: Path) -> None:
    """After each `kill -9`: completed calls equal, others marked and never too low, none twice."""
    outcome = trial(tmp_path, 3)
    assert outcome["kills_that_cut_calls_off"] >= 1
    assert outcome["completed_and_equal"] > 10
    assert outcome["failed_over"] > 0
    assert outcome["completed_but_different"] == []
    assert outcome["not_in_the_ledger"] == []
    assert outcome["below_the_providers_count"] == []
    assert outcome["aborted_but_not_marked"] == []
    assert outcome["noted_twice"] == outcome["still_reserved"] == 0
    assert outcome["holds"]


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([EVENT], None),
        ([replace(ABORTED, micro_usd=720)], None),
        ([], "not_in_the_ledger"),
        ([replace(EVENT, micro_usd=209)], "completed_but_different"),
        ([replace(EVENT, usage=TokenUsage(1000, 99))], "completed_but_different"),
        ([replace(ABORTED, micro_usd=209)], "below_the_providers_count"),
        ([EVENT, replace(EVENT, id="f")], "noted_twice"),
        ([replace(ABORTED, usage=TokenUsage(1, 1), state=SpendState.RESERVED)], "still_reserved"),
    ],
)
def test_what_does_not_agree_is_found(events: list[SpendEvent], complaint: str | None) -> None:
    """The trial can fail: a call that is missing, dearer, cheaper, there twice or never ended."""
    call = CountedCall(Behaviour.WELL, "gpt-4o-mini", 1000, 100, complete=True)
    outcome = compared({"openai": [call]}, events)
    assert outcome["holds"] is (complaint is None)
    if complaint:
        assert outcome[complaint]
