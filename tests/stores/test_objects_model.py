"""Replicas that change one shared object, restart, sleep and lose touch: no change is lost."""

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.clocks import HandClock
from tests.stores.failing_blobs import FailingBlobs
from tests.stores.test_objects import counted

from info_assistant.errors import ObjectStorageUnavailable
from info_assistant.ports import SharedState
from info_assistant.stores import objects
from info_assistant.stores.objects import BlobSharedObject, SharedObjects

REPLICAS = 3


class SharedObjectMachine(RuleBasedStateMachine):
    """Three replicas count in one object; `_count` is how often a change was acknowledged."""

    def __init__(self) -> None:
        """Begin with nothing stored."""
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._place = tempfile.TemporaryDirectory()
        self._folder = Path(self._place.name)
        self._blobs = FailingBlobs(str(self._folder / "objects"))
        self._clock = HandClock()
        self._replicas = [self._started(n) for n in range(REPLICAS)]
        self._count = 0

    def _started(self, number: int) -> BlobSharedObject:
        folder = self._folder / f"disk-{number}"
        return SharedObjects(self._blobs, folder, self._clock).open("tenants")

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  Whatever it returns.
        return self._loop.run_until_complete(work)

    @rule(writers=st.lists(st.integers(0, REPLICAS - 1), min_size=1, max_size=5))
    def race(self, writers: list[int]) -> None:
        """Let several changes be made at the same time."""

        async def change_all() -> list[object]:
            changes = (self._replicas[each].change(counted) for each in writers)
            return await asyncio.gather(*changes, return_exceptions=True)

        outcomes = self._do(change_all())
        if self._blobs.down:
            assert all(isinstance(each, ObjectStorageUnavailable) for each in outcomes)
            return
        written = sorted(each.version for each in outcomes if isinstance(each, SharedState))
        assert written == list(range(self._count + 1, self._count + len(writers) + 1))
        self._count += len(writers)

    @rule(number=st.integers(0, REPLICAS - 1))
    def restart(self, number: int) -> None:
        """Replace a replica by a new process on the same disk."""
        before = self._replicas[number].current
        self._replicas[number] = self._started(number)
        assert self._replicas[number].current == before

    @precondition(lambda self: not self._blobs.down)
    @rule(number=st.integers(0, REPLICAS - 1), slept=st.booleans())
    def look(self, number: int, *, slept: bool) -> None:
        """Let a replica look; afterwards it knows the newest version."""
        shared = self._replicas[number]
        if slept:
            shared._read_at = None
        self._do(shared.refresh())
        assert shared.current.version == self._count

    @rule(down=st.booleans())
    def outage(self, *, down: bool) -> None:
        """Let object storage fail or recover."""
        self._blobs.down = down

    @precondition(lambda self: not self._blobs.down)
    @rule(number=st.integers(0, REPLICAS - 1))
    def compact_next_week(self, number: int) -> None:
        """Delete old versions, a week later, when every replica has slept."""
        self._clock.at += timedelta(days=7)
        for shared in self._replicas:
            shared._read_at = None
        self._do(self._replicas[number].compact())

    @invariant()
    def versions_count_changes(self) -> None:
        """Each version holds one change more than the one before."""
        for shared in self._replicas:
            assert shared.current.fields.get("count", 0) == shared.current.version <= self._count

    def teardown(self) -> None:
        """After all of it every replica agrees."""
        self._blobs.down = False
        for shared in self._replicas:
            self._do(shared.refresh(whole=True))
            assert shared.current.version == self._count
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._place.cleanup()


class FewVersions(SharedObjectMachine):
    """The same where only three versions are kept, so that most of what was written is gone."""

    def __init__(self) -> None:
        """Keep few versions."""
        super().__init__()
        self._kept = objects.KEPT_VERSIONS
        objects.KEPT_VERSIONS = 3

    def teardown(self) -> None:
        """Keep as many as before."""
        objects.KEPT_VERSIONS = self._kept
        super().teardown()


TestSharedObject = FewVersions.TestCase
TestSharedObject.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
