"""Any order of appending, shipping, dying, outage, adoption, merging: none lost, none twice."""

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.clocks import HandClock
from tests.stores.failing_blobs import FailingBlobs
from tests.stores.test_record_log import KIND, die, listed, record, upkeep

from info_assistant.errors import ObjectStorageUnavailable
from info_assistant.model.ids import first_id_at, milliseconds_of, new_id
from info_assistant.stores.record_log import RecordLog

T = TypeVar("T")
_DAY = timedelta(days=1)
TENANTS = ("a", "b")
WRITERS = 3


class RecordsMachine(RuleBasedStateMachine):
    """Up to three writers on one machine, one object storage, and what was acknowledged."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._place = tempfile.TemporaryDirectory()
        self._folder = Path(self._place.name)
        self._blobs = FailingBlobs(str(self._folder / "objects"))
        self._clock = HandClock()
        self._writers: list[RecordLog] = []
        self._kept: dict[str, list[str]] = {tenant: [] for tenant in TENANTS}
        self._count = 0

    def _do(self, work: Coroutine[None, None, T]) -> T:
        return self._loop.run_until_complete(work)

    @property
    def _down(self) -> bool:
        return self._blobs.down

    @precondition(lambda self: len(self._writers) < WRITERS)
    @rule()
    def start(self) -> None:
        """Start a process: it claims or begins a journal, and adopts what dead ones left."""
        log = RecordLog(self._blobs, self._folder / "journals")
        self._do(log._adopt())
        self._writers.append(log)

    @precondition(lambda self: self._writers)
    @rule(
        writer=st.integers(0, WRITERS - 1),
        tenant=st.sampled_from(TENANTS),
        days_ago=st.integers(0, 2),
        count=st.integers(1, 4),
    )
    def append(self, writer: int, tenant: str, days_ago: int, count: int) -> None:
        """Append records; whatever object storage does, this is acknowledged."""
        log = self._writers[writer % len(self._writers)]
        for _ in range(count):
            self._count += 1
            moment = milliseconds_of(new_id()) - days_ago * 24 * 3600 * 1000
            made = f"{first_id_at(moment)[:-12]}{self._count:012x}"
            self._do(log.append([record(tenant, made)]))
            self._kept[tenant].append(made)

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, WRITERS - 1), steps=st.integers(0, 3))
    def ship_partly_and_die(self, writer: int, steps: int) -> None:
        """Kill a process at some point of its shipping."""
        log = self._writers.pop(writer % len(self._writers))
        self._do(_ship_partly(log, steps))
        for journal in log._adopted:
            self._do(journal.retire())
        self._do(die(log))

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, WRITERS - 1))
    def ship(self, writer: int) -> None:
        """Ship all that one process has, unless object storage is down."""
        log = self._writers[writer % len(self._writers)]
        try:
            self._do(log.ship())
        except ObjectStorageUnavailable:
            assert self._down
        else:
            assert log.pending == 0

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, WRITERS - 1))
    def stop(self, writer: int) -> None:
        """End a process in good order."""
        self._do(self._writers.pop(writer % len(self._writers)).close())

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, WRITERS - 1))
    def adopt(self, writer: int) -> None:
        """Let a process look for journals that dead ones left."""
        self._do(self._writers[writer % len(self._writers)]._adopt())

    @rule(down=st.booleans())
    def outage(self, *, down: bool) -> None:
        """Let object storage fail or recover."""
        self._blobs.down = down

    @precondition(lambda self: not self._down)
    @rule(days=st.integers(0, 3))
    def merge(self, days: int) -> None:
        """Merge segments, at some later day."""
        self._clock.at = max(self._clock.at, datetime.now(UTC)) + days * _DAY
        job = upkeep(self._blobs, self._folder, self._clock)
        job._grace_s = 0
        self._do(job.compact(self._clock.now().date().min))

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """All processes together know each acknowledged record, and each knows none twice."""
        if self._down or not self._writers:
            return
        for tenant, kept in self._kept.items():
            known: set[str] = set()
            for log in self._writers:
                ids = self._do(listed(log, tenant))
                assert len(ids) == len(set(ids))
                known |= set(ids)
            # What a dead process left counts once somebody has adopted it.
            assert known <= set(kept)

    def teardown(self) -> None:
        """After all is shipped, a new process knows every record that was ever acknowledged."""
        self._blobs.down = False
        last = RecordLog(self._blobs, self._folder / "journals")
        for log in self._writers:
            self._do(log.close())
        self._do(last._adopt())
        self._do(last.ship())
        for tenant, kept in self._kept.items():
            assert self._do(listed(last, tenant)) == sorted(kept, reverse=True)
            for each in kept:
                assert self._do(last.find(KIND, tenant, each)) is not None
        self._do(last.close())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._place.cleanup()


async def _ship_partly(log: RecordLog, steps: int) -> None:
    """Cut, store, note: so many of these steps, then no more."""
    own = log._own
    await own.cut()
    if steps == 0:
        return
    for number, name in await own.cuts():
        try:
            await log._blobs.put_new(name, await own.lines(number))
        except ObjectStorageUnavailable:
            return
        if steps == 1:
            return
        await own.shipped(number)
        if steps == 2:
            return
    await own.forget()


TestRecords = RecordsMachine.TestCase
TestRecords.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
