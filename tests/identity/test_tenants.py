"""Tenants: who belongs here, under which names, and how much each may use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clocks import HandClock

from info_assistant.errors import Conflict, Forbidden, InvalidRequest, NotFound, RateLimited
from info_assistant.identity.tenants import Tenants
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.tenant import Tenant, TenantLimits, is_tenant_name
from info_assistant.model.traffic import Traffic
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.process_object import ProcessObject
from info_assistant.stores.blobs import check_key


async def test_the_first_tenant_is_always_there(tenants: Tenants) -> None:
    """`default` needs no creating, cannot be created, and can be limited."""
    assert [each.name for each in tenants.all()] == ["default"]
    assert tenants.require("default") == Tenant("default")
    with pytest.raises(Conflict):
        await tenants.create("default")
    await tenants.set_limits("default", TenantLimits(documents=5))
    assert tenants.require("default").limits.documents == 5


async def test_a_tenant_is_known_once_it_is_created(tenants: Tenants, clock: HandClock) -> None:
    """Before that its callers are refused with a word that says why; twice is a conflict."""
    with pytest.raises(Forbidden, match="unknown_tenant"):
        tenants.require("water")
    limits = TenantLimits(questions_per_minute=60, question_burst=3)
    await tenants.create("water", "Ministry of Water", limits)
    assert tenants.find("water") == Tenant("water", "Ministry of Water", limits, clock.now())
    with pytest.raises(Conflict):
        await tenants.create("water")
    await tenants.set_limits("water", TenantLimits())
    assert tenants.require("water").limits == TenantLimits()
    assert tenants.require("water").title == "Ministry of Water"
    with pytest.raises(NotFound):
        await tenants.set_limits("fire", TenantLimits())


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9-]{1,70}", fullmatch=True))
def test_a_tenants_name_can_name_its_folder(name: str) -> None:
    """Every name that is allowed is one path segment everywhere, and never the reserved one."""
    if is_tenant_name(name):
        assert check_key(f"{name}/documents/x") == f"{name}/documents/x"
        assert "/" not in name
        assert name not in {"", "system", ".", ".."}
        assert len(name) <= 63


@pytest.mark.parametrize(
    "name", ["system", "", "Water", "a/b", "..", "-a", "a-", "a_b", "ä", "a" * 64, "a\n"]
)
async def test_other_names_are_refused(tenants: Tenants, name: str) -> None:
    """The reserved folder and all that could be read as another place is no tenant."""
    with pytest.raises(InvalidRequest):
        await tenants.create(name)


@pytest.mark.parametrize(
    "limits",
    [
        TenantLimits(questions_per_minute=0),
        TenantLimits(documents=-1),
        TenantLimits(uploads_per_minute=2_000_000_000),
        TenantLimits(question_burst=5),
    ],
)
async def test_limits_that_make_no_sense_are_refused(
    tenants: Tenants, limits: TenantLimits
) -> None:
    """A limit is a positive number, and a burst belongs to a rate."""
    with pytest.raises(InvalidRequest):
        await tenants.set_limits("default", limits)


def a_caller(tenant: str, subject: str) -> Caller:
    """Return a caller of a tenant."""
    return Caller(subject, Role.READER, AccessScope(tenant, frozenset({"everyone"})))


async def test_a_tenants_limit_counts_all_its_callers_and_takes_effect_at_once(
    tenants: Tenants,
) -> None:
    """Two callers share their tenant's burst; another tenant, and reading, is not limited."""
    seconds = 0.0
    limiter = LocalRateLimiter(tenants.rates_of, monotonic=lambda: seconds)
    one, two, other = a_caller("default", "a"), a_caller("default", "b"), a_caller("water", "a")
    for _ in range(20):
        assert await limiter.admit(one, Traffic.QUESTION) is None
    await tenants.set_limits("default", TenantLimits(questions_per_minute=60, question_burst=2))
    await limiter.admit(one, Traffic.QUESTION)
    await limiter.admit(two, Traffic.QUESTION)
    for caller in (one, two):
        with pytest.raises(RateLimited):
            await limiter.admit(caller, Traffic.QUESTION)
    await limiter.admit(other, Traffic.QUESTION)
    await limiter.admit(one, Traffic.READ)
    seconds = 1.0
    await limiter.admit(two, Traffic.QUESTION)


async def test_uploads_have_a_limit_of_their_own_and_ten_seconds_of_burst(tenants: Tenants) -> None:
    """Sixty a minute are ten at once; questions are not counted with them."""
    await tenants.set_limits("default", TenantLimits(uploads_per_minute=60))
    limiter = LocalRateLimiter(tenants.rates_of, monotonic=lambda: 0.0)
    caller = a_caller("default", "a")
    for _ in range(10):
        await limiter.admit(caller, Traffic.INGESTION)
    with pytest.raises(RateLimited):
        await limiter.admit(caller, Traffic.INGESTION)
    assert await limiter.admit(caller, Traffic.QUESTION) is None


@pytest.mark.parametrize(
    "broken", [None, [], "x", {"limits": 5}, {"limits": {"documents": "many"}}, {"created_at": 1}]
)
async def test_an_entry_that_nobody_understands_lets_nobody_in(
    clock: HandClock, broken: object
) -> None:
    """A tenant that cannot be read is unknown; the others are as they were."""
    shared = ProcessObject()
    tenants = Tenants(shared, clock)
    await tenants.create("water")
    await shared.change(
        lambda stored: {**stored, "tenants": {**stored["tenants"], "fire": broken}, "later": 1}
    )
    with pytest.raises(Forbidden):
        tenants.require("fire")
    assert [each.name for each in tenants.all()] == ["default", "water"]
    await tenants.create("earth")
    assert shared.current.fields["tenants"]["fire"] == broken
    assert shared.current.fields["later"] == 1
