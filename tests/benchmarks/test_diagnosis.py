"""The trial of the diagnosis, in short: one service, healthy, then broken in two places."""

import json
from typing import Any

import pytest
from benchmarks.diagnosis import CASES, Outcome, table
from benchmarks.harness.breakable import Breakable, breakable
from tests.conftest import await_true

from info_assistant.cli.local_redis import server


def _said(service: Breakable) -> dict[str, Any]:
    done = service.diagnose()
    said: dict[str, Any] = json.loads(done.stdout)
    said["exit"] = done.returncode
    return said


@pytest.mark.stack
@pytest.mark.model
@pytest.mark.skipif(server() is None, reason="no Redis for this machine")
def test_a_real_service_is_healthy_and_then_has_two_faults() -> None:
    """Qdrant that stands still and Redis that is dead are both named, and nothing else is."""
    with breakable(with_document=False) as service:
        # A busy machine may be slow for a moment; it is healthy in the end, and never a P0.
        seen: list[dict[str, Any]] = []

        def is_healthy() -> bool:
            seen.append(_said(service))
            return bool(seen[-1]["verdict"] == "healthy")

        await_true(is_healthy, 60, "the service is found healthy")
        assert seen[-1]["exit"] == 0
        service.freeze("qdrant")
        service.kill("redis")

        def are_both_named() -> bool:
            seen.append(_said(service))
            return {each["code"] for each in seen[-1]["scenarios"]} == {"P0-2", "P0-3"}

        await_true(are_both_named, 60, "both faults are named")
        assert seen[-1]["exit"] == 3
        assert service.is_frozen("qdrant")


def _outcome(group: str, *, right: bool = True, wrong: tuple[str, ...] = ()) -> Outcome:
    return Outcome(group, "a", ["P0-1"], "", [], 4.0, right, list(wrong), "")


def test_the_row_holds_or_does_not() -> None:
    """One pair may be missed, two slow ones, no single fault; nothing wrong may be named."""
    pairs = [_outcome("double")] * 5
    assert table([*pairs, _outcome("double", right=False)])["holds"]
    assert not table([*pairs, *[_outcome("double", right=False)] * 2])["holds"]
    assert table([_outcome("slow", right=False)] * 2)["holds"]
    assert not table([_outcome("single", right=False)])["holds"]
    assert not table([*pairs, _outcome("slow", wrong=("P0-2",))])["holds"]


def test_all_faults_and_all_pairs_are_tried() -> None:
    """Four single faults, their six pairs and six slow ones are among the cases."""
    single = {case.expected for case in CASES if case.group == "single"}
    assert len(single) == 4
    assert len({case.expected for case in CASES if case.group == "double"}) == 6
    assert sum(case.group == "slow" for case in CASES) == 6
