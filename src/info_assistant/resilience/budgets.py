"""What tenants may spend in a month on language models, watched in this process.

Own calls count at once and with their upper bounds, so one process never spends more than the
budget. Those of other replicas count once their lines were read in object storage; between them a
budget can be exceeded by what they spend in that time, unless Redis counts for all of them
(`stores/redis/budgets.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from info_assistant.errors import BudgetExhausted
from info_assistant.model.spend import Budget, BudgetState, SpendEvent
from info_assistant.model.spend_fold import SpendFold, day_of
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock

NOTICE_AT = 0.8
"""The share of a budget at which people are told."""

_RECENT = timedelta(days=1)
_log = get_logger("budgets")


class NoBudgets:
    """ports.Budgets where everybody may spend what they like."""

    async def admit(self, event: SpendEvent) -> None:
        """Refuse nothing."""

    def note(self, event: SpendEvent) -> None:
        """Count nothing."""

    def of(self, tenant: str) -> Budget | None:  # noqa: ARG002  Part of the port.
        """Return None."""
        return None


class MonthlyBudgets:
    """ports.Budgets in memory: one number a day, and for two days what tells lines apart."""

    def __init__(self, limit_of: Callable[[str], int | None], clock: Clock) -> None:
        """Ask `limit_of` what a tenant may spend in a month, in micro-dollars."""
        self._limit_of = limit_of
        self._clock = clock
        self._months: dict[str, _Month] = {}

    async def admit(self, event: SpendEvent) -> None:
        """Take a reservation into account. Raises BudgetExhausted if it might not be covered."""
        tenant = event.call.tenant
        limit = self._limit_of(tenant)
        if limit is None:
            return
        if self._month(tenant).spent + event.micro_usd > limit:
            raise self.exhausted()
        self.note(event)

    def exhausted(self) -> BudgetExhausted:
        """Return what a caller hears whose tenant has spent all it may until the month's end."""
        now = self._clock.now()
        return BudgetExhausted(
            "What is left of this month's budget for answers written by a language model might "
            "not cover this one. Ask the people who run this service for more.",
            retry_after_s=(_next_month(self._today().replace(day=1)) - now).total_seconds(),
        )

    def limit_of(self, tenant: str) -> int | None:
        """Return what a tenant may spend in a month, in micro-dollars; None for what it likes."""
        return self._limit_of(tenant)

    def note(self, event: SpendEvent) -> None:
        """Take a line about an event into account; any order, any number of times."""
        tenant = event.call.tenant
        limit = self._limit_of(tenant)
        if limit is None:
            return
        month = self._month(tenant)
        month.add(event)
        if month.spent >= limit * NOTICE_AT and not month.noticed:
            month.noticed = True
            _log.warning(
                "Most of a tenant's budget for this month is spent",
                tenant=tenant,
                spent_usd=month.spent / 1e6,
                budget_usd=limit / 1e6,
            )

    def of(self, tenant: str) -> Budget | None:
        """Return how a tenant's budget stands; None for a tenant without one."""
        limit = self._limit_of(tenant)
        if limit is None:
            return None
        return self.standing(tenant, limit)

    def standing(self, tenant: str, limit: int) -> Budget:
        """Return how a tenant stands that may spend so much."""
        month = self._month(tenant)
        return budget_of(month.first, limit, month.spent)

    def settled(self, tenant: str) -> Mapping[date, int]:
        """Return the sums of this month's days of which no more lines are looked for."""
        return self._month(tenant).settled(self._today())

    async def has_lost(self, tenant: str, day: date) -> bool:  # noqa: ARG002  Shared ones may.
        """Whether what was read of a day before has to be read again: never."""
        return False

    def days_to_read(self, tenant: str) -> Sequence[date]:
        """Return the days of which lines of other replicas are still to be looked for."""
        if self._limit_of(tenant) is None:
            self._months.pop(tenant, None)
            return ()
        return self._month(tenant).days_to_read(self._today())

    async def has_read(self, tenant: str, day: date) -> None:
        """Note that all there was of a day has been taken into account."""
        self._month(tenant).has_read(day, self._today())

    def _month(self, tenant: str) -> "_Month":
        first = self._today().replace(day=1)
        found = self._months.get(tenant)
        if found is None or found.first != first:
            found = self._months[tenant] = _Month(first)
        return found

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()


def budget_of(month: date, limit: int, spent: int) -> Budget:
    """Return how a budget stands of which so much is spent."""
    state = BudgetState.WITHIN
    if spent >= limit:
        state = BudgetState.EXHAUSTED
    elif spent >= limit * NOTICE_AT:
        state = BudgetState.NOTICE
    return Budget(month, limit, spent, state)


class _Month:
    """One tenant's month."""

    def __init__(self, first: date) -> None:
        self.first = first
        self.noticed = False
        self._read: set[date] = set()
        self._recent: dict[date, SpendFold] = {}
        self._settled: dict[date, int] = {}

    @property
    def spent(self) -> int:
        recent = sum(each.micro_usd for each in self._recent.values())
        return recent + sum(self._settled.values())

    def add(self, event: SpendEvent) -> None:
        day = day_of(event)
        if day >= self.first and day not in self._settled:
            self._recent.setdefault(day, SpendFold()).add(event)

    def has_read(self, day: date, today: date) -> None:
        self._read.add(day)
        for each in [d for d in self._recent if d < today - _RECENT and d in self._read]:
            self._settled[each] = self._recent.pop(each).micro_usd

    def settled(self, today: date) -> Mapping[date, int]:
        days = [each for each in self._read if each < today - _RECENT and each not in self._recent]
        return {each: self._settled.get(each, 0) for each in days}

    def days_to_read(self, today: date) -> Sequence[date]:
        days = ((self.first + timedelta(days=n)) for n in range((today - self.first).days + 1))
        return [each for each in days if each >= today - _RECENT or each not in self._read]


def _next_month(first: date) -> datetime:
    following = (first + timedelta(days=32)).replace(day=1)
    return datetime.combine(following, datetime.min.time(), UTC)
