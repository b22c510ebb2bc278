"""A clock that tests move, and what identity keeps in shared objects, in memory."""

from datetime import UTC, datetime, timedelta

import pytest

from info_assistant.identity.keys import ApiKeys
from info_assistant.identity.tenants import Tenants
from info_assistant.resilience.process_object import ProcessObject


class HandClock:
    """ports.Clock that a test moves."""

    def __init__(self) -> None:
        """Start at some moment."""
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment that the clock stands at."""
        return self.at

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that stands still until it is moved."""
    return HandClock()


@pytest.fixture
def shared() -> ProcessObject:
    """Return a shared object in memory."""
    return ProcessObject()


@pytest.fixture
def keys(shared: ProcessObject, clock: HandClock) -> ApiKeys:
    """Return the keys of an installation that has none yet."""
    return ApiKeys(shared, clock)


@pytest.fixture
def tenants(clock: HandClock) -> Tenants:
    """Return the tenants of an installation that has only the first."""
    return Tenants(ProcessObject(), clock)
