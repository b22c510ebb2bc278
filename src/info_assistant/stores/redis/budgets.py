"""Budgets that all replicas share; while Redis is away each keeps its own share of what is left.

A reservation is counted in Redis before the call, a call's end after it. What Redis lacks (it was
away, or began anew) is told again from the ledger; until that is done, and others have had time to
do the same, each replica spends what was left when the count was last known, divided by the number
of replicas. So no fault makes them exceed a budget together.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

from info_assistant.errors import RedisUnavailable
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import Budget, SpendEvent, SpendState
from info_assistant.model.spend_fold import SpendFold, day_of
from info_assistant.observability.log import get_logger
from info_assistant.resilience.budgets import MonthlyBudgets, budget_of
from info_assistant.stores.redis.totals import SpendTotals

_Day = tuple[str, date]
_Lines = dict[tuple[str, SpendState], SpendEvent]
_MOST_OWED = 10_000
_AGAIN_S = 1.0
_log = get_logger("budgets")


@dataclass(slots=True)
class _Share:
    """What one replica spends of a tenant's month while it counts alone; others spent `base`."""

    month: date
    base: int
    spent: SpendFold = field(default_factory=SpendFold)
    ids: set[str] = field(default_factory=set)

    def add(self, event: SpendEvent) -> None:
        self.ids.add(event.id)
        self.spent.add(event)


class SharedBudgets:
    """ports.Budgets for all replicas together."""

    def __init__(
        self,
        totals: SpendTotals,
        local: MonthlyBudgets,
        replicas: Callable[[], int],
        *,
        usable: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count in `totals` while that is `usable`; `local` knows what the ledger has told here.

        `replicas` is how many processes shared the budgets when that was last known.
        """
        self._totals = totals
        self._local = local
        self._replicas = replicas
        self._usable = usable
        self._monotonic = monotonic
        self._shares: dict[str, _Share] = {}
        self._counted: dict[str, tuple[date, int]] = {}
        # Lines on their way to Redis; days of which one did not get there, and those of which so
        # many did not that they are better read again in the ledger.
        self._untold: defaultdict[_Day, _Lines] = defaultdict(dict)
        self._owed: set[_Day] = set()
        self._lost: set[_Day] = set()
        self._alone_until = float("-inf")
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()

    async def admit(self, event: SpendEvent) -> None:
        """Take a reservation into account. Raises BudgetExhausted if it might not be covered."""
        tenant = event.call.tenant
        limit = self._local.limit_of(tenant)
        if limit is None:
            return
        admitted = await self._ask(event, limit)
        if admitted is None:
            self._admit_alone(event, limit, self._local.standing(tenant, limit))
            return
        self._shares.pop(tenant, None)
        if not admitted:
            raise self._local.exhausted()
        self._local.note(event)

    def note(self, event: SpendEvent) -> None:
        """Take a line about an event into account; any order, any number of times."""
        tenant = event.call.tenant
        if self._local.limit_of(tenant) is None:
            return
        self._local.note(event)
        share = self._shares.get(tenant)
        if share is not None and event.id in share.ids:
            share.add(event)
        self._tell_soon(event)

    def of(self, tenant: str) -> Budget | None:
        """Return how a tenant's budget stands; None for a tenant without one."""
        known = self._local.of(tenant)
        if known is None:
            return None
        month, counted = self._counted.get(tenant, (known.month, 0))
        if month != known.month or tenant in self._shares or not self._usable():
            return known
        return budget_of(known.month, known.limit, max(known.spent, counted))

    def days_to_read(self, tenant: str) -> Sequence[date]:
        """Return the days of which lines of other replicas are still to be looked for."""
        return self._local.days_to_read(tenant)

    async def has_lost(self, tenant: str, day: date) -> bool:
        """Whether a day has to be told again, because Redis may lack something of it."""
        if not self._usable():
            self._stay_alone()
            return False
        if (tenant, day) in self._lost:
            return True
        try:
            return not (await self._totals.confirmed(tenant, [day]))[0]
        except RedisUnavailable:
            return False

    async def has_read(self, tenant: str, day: date) -> None:
        """Note that all there was of a day has been taken into account, in Redis as well."""
        await self._local.has_read(tenant, day)
        if not self._usable():
            return
        await self._tell()
        with suppress(RedisUnavailable):
            if (tenant, day) not in self._owed:
                await self._totals.confirm(tenant, day, after_outage=(tenant, day) in self._lost)
                self._lost.discard((tenant, day))
            await self._close_days(tenant)

    async def run(self) -> None:
        """Tell Redis how calls ended, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S if self._owed else None):
                    await self._news.wait()
            self._news.clear()
            if self._usable():
                await self._tell()

    async def _ask(self, event: SpendEvent, limit: int) -> bool | None:
        """Return what Redis says of a reservation; None where it cannot tell."""
        tenant = event.call.tenant
        if not self._usable():
            self._stay_alone()
        owing = any(each == tenant for each, _ in self._owed | self._lost)
        if owing or self._monotonic() < self._alone_until:
            return None
        try:
            found = await self._totals.reserve(event, limit)
        except RedisUnavailable:
            self._stay_alone()
            return None
        except BaseException:
            # It may be counted there, and no call follows.
            self._tell_soon(_void(event))
            raise
        if found.admitted is None:
            return None
        spent = found.micro_usd + (event.micro_usd if found.admitted else 0)
        self._counted[tenant] = (day_of(event).replace(day=1), spent)
        return found.admitted

    def _admit_alone(self, event: SpendEvent, limit: int, known: Budget) -> None:
        """Admit what fits into this replica's share. Raises BudgetExhausted."""
        tenant = event.call.tenant
        share = self._shares.get(tenant)
        if share is None or share.month != known.month:
            month, counted = self._counted.get(tenant, (known.month, 0))
            base = max(known.spent, counted if month == known.month else 0)
            share = self._shares[tenant] = _Share(known.month, base)
            _log.info("Budget is kept by each replica alone", tenant=tenant)
        most = (limit - share.base) // max(1, self._replicas())
        over = share.spent.micro_usd + event.micro_usd > most
        if over or known.spent + event.micro_usd > limit:
            self._tell_soon(_void(event))
            raise self._local.exhausted()
        share.add(event)
        self._local.note(event)
        self._tell_soon(event)

    def _stay_alone(self) -> None:
        """Count alone until others, who may have done so, have told of it."""
        self._alone_until = self._monotonic() + self._totals.settling_s

    def _tell_soon(self, event: SpendEvent) -> None:
        day = (event.call.tenant, day_of(event))
        self._untold[day][event.id, event.state] = event
        if not self._usable():
            self._owed.add(day)
            if len(self._untold[day]) > _MOST_OWED:
                self._untold.pop(day)
                self._lost.add(day)
        self._news.set()

    async def _tell(self) -> None:
        """Tell Redis what is new, and what it may have missed."""
        async with self._telling:
            for day in self._untold.keys() | self._owed:
                lines = self._untold.pop(day, {})
                told = False
                try:
                    await self._totals.tell(*day, list(lines.values()))
                    if day in self._owed:
                        await self._totals.confirm(*day, after_outage=True)
                    told = True
                except RedisUnavailable:
                    self._owed.add(day)
                finally:
                    if told:
                        self._owed.discard(day)
                    elif lines:
                        self._untold[day] = lines | self._untold[day]

    async def _close_days(self, tenant: str) -> None:
        settled = self._local.settled(tenant)
        days = sorted(settled)
        for day, closed in zip(days, await self._totals.closed(tenant, days), strict=True):
            if not closed:
                await self._totals.close(tenant, day, settled[day])


def _void(event: SpendEvent) -> SpendEvent:
    """Return the end of a call that is not made."""
    return replace(event, state=SpendState.ABORTED, usage=TokenUsage(0, 0), micro_usd=0)
