"""The fault suites in short: their stand, two faults in four phases, and some cells of the matrix.

`make chaos` and `make matrix` are the whole; what takes how long is judged there, on a quiet
machine.
"""

from pathlib import Path

import pytest
from benchmarks.harness.askers import Habits
from benchmarks.harness.fault_cells import CELLS, DEPENDENCIES, ROWS
from benchmarks.harness.fault_drills import Found
from benchmarks.harness.fault_judge import figures_of
from benchmarks.harness.fault_stand import Equipment, Stand, fault_stand
from benchmarks.harness.fault_trial import Pace, run_trial
from benchmarks.harness.stand_faults import STAND_FAULTS
from benchmarks.matrix import Tried, table, try_one

from info_assistant.cli.local_redis import server

PACE = Pace(1.5, 3.0, 30.0, 1.0, warm_up_s=0.5, ends_early=True)
FEW = Habits(people=6)
TRIED = {("redis", "hung"), ("qdrant", "killed")}
SHOWN = {
    ("redis", "noise for a reply"),
    ("qdrant", "HTTP 503"),
    ("openai", "model: cut stream"),
    ("anthropic", "reset after the request"),
}


def made(
    outcome: str = "answered", latency_s: float = 1.0, recovery_s: float = 1.0, fired: int = 1
) -> Found:
    """Return what a cell came to."""
    return Found({outcome: 1}, latency_s, recovery_s, fired)


def test_the_matrix_is_complete() -> None:
    """Every fault meets every dependency; a cell is tried in one way, or says why it cannot be."""
    assert len(CELLS) == len(ROWS) * len(DEPENDENCIES)
    assert len({(cell.fault, cell.dependency) for cell in CELLS}) == len(CELLS)
    ways = [(cell.in_force, cell.drill, cell.reason) for cell in CELLS]
    assert all(sum(map(bool, each)) == 1 for each in ways)
    assert sum(not cell.reason for cell in CELLS) >= 150


def test_a_cell_is_wrong_where_its_fault_never_fired() -> None:
    """The judge believes no outcome without proof, and no end that the fault does not allow."""
    cell = next(each for each in CELLS if each.in_force)
    assert Tried(cell, made(fired=0)).wrong == "was never met"
    assert Tried(cell, made(outcome="internal")).wrong == "ended as internal"
    assert Tried(cell, made(latency_s=31.0)).wrong == "past the deadline"
    assert Tried(cell, made(recovery_s=45.0)).wrong == "did not recover"
    assert Tried(cell, made()).wrong == ""


@pytest.mark.stack
@pytest.mark.model
async def test_faults_at_the_stand(tmp_path: Path) -> None:
    """No question fails that may not, each fault fires, and all is well again afterwards."""
    if server() is None:
        pytest.skip("no Redis for this machine: neither Valkey's wheel nor redis-server")
    async with fault_stand(tmp_path, Equipment(with_models=True)) as stand:
        await try_faults(stand)
        await try_cells(stand)


async def try_faults(stand: Stand) -> None:
    """Break Redis and Qdrant while people ask."""
    for fault in STAND_FAULTS:
        if (fault.dependency, fault.name) in TRIED:
            found = figures_of(await run_trial(stand, fault, PACE, FEW))
            assert found.failed == {}, (fault, found)
            assert found.fired >= 1
            assert found.recovery_s < PACE.recovery_s


async def try_cells(stand: Stand) -> None:
    """Try a cell of each column."""
    cells = [cell for cell in CELLS if (cell.dependency, cell.fault) in SHOWN]
    assert len(cells) == len(SHOWN)
    tried = [Tried(cell, await try_one(stand, cell)) for cell in cells]
    assert [each.wrong for each in tried] == [""] * len(cells), table(tried)
