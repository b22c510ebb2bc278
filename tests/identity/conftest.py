"""A clock that tests move, and what identity keeps in shared objects, in memory."""

from datetime import UTC, datetime

import pytest
from tests.clocks import HandClock

from info_assistant.identity.keys import ApiKeys
from info_assistant.identity.tenants import Tenants
from info_assistant.resilience.process_object import ProcessObject


@pytest.fixture
def clock() -> HandClock:
    """Return a clock that stands still until it is moved."""
    return HandClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


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
