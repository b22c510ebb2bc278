"""What a lost disk can hide at most: calls that were noted here and are not in object storage yet.

Reservations are shipped within seconds. Before those that are not come to more than a set amount
for a tenant, they are shipped at once; so the mark of a vanished writer (`stores/writers.py`) tells
a bound that is true.
"""

import asyncio
from collections import defaultdict, deque

from info_assistant.errors import InfoAssistantError, RecordsUnavailable
from info_assistant.model.spend import Budget, SpendEvent
from info_assistant.ports import Budgets
from info_assistant.stores.record_log import RecordLog

_PATIENCE_S = 2.0
_NOTED_S = 2.5
"""A reservation is in the journal by then, or was given up."""


class BoundedExposure:
    """ports.Budgets that lets no tenant's unshipped calls come to more than `most_micro_usd`."""

    def __init__(self, budgets: Budgets, log: RecordLog, most_micro_usd: int) -> None:
        """Pass on to `budgets` what may be noted in `log`."""
        self._budgets = budgets
        self._log = log
        self._most = most_micro_usd
        self._unshipped: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._sums: defaultdict[str, int] = defaultdict(int)

    async def admit(self, event: SpendEvent) -> None:
        """Take a reservation into account.

        Raises BudgetExhausted, and RecordsUnavailable where too much would not be shipped.
        """
        tenant = event.call.tenant
        if not self._fits(tenant, event.micro_usd):
            await self._ship()
            if not self._fits(tenant, event.micro_usd):
                raise _too_much()
        # Noted before anything is awaited, so that calls at the same moment see each other.
        self._unshipped[tenant].append((asyncio.get_running_loop().time(), event.micro_usd))
        self._sums[tenant] += event.micro_usd
        await self._budgets.admit(event)

    def note(self, event: SpendEvent) -> None:
        """Take a line about an event into account; any order, any number of times."""
        self._budgets.note(event)

    def of(self, tenant: str) -> Budget | None:
        """Return how a tenant's budget stands; None for a tenant without one."""
        return self._budgets.of(tenant)

    def _fits(self, tenant: str, micro_usd: int) -> bool:
        waiting = self._unshipped[tenant]
        while waiting and waiting[0][0] < self._log.shipped_until - _NOTED_S:
            self._sums[tenant] -= waiting.popleft()[1]
        return self._sums[tenant] + micro_usd <= self._most

    async def _ship(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._log.ship()
        except (TimeoutError, InfoAssistantError) as exc:
            raise _too_much() from exc


def _too_much() -> RecordsUnavailable:
    return RecordsUnavailable(
        "Object storage takes no records, and those that wait on this machine alone have come to "
        "as much as may be lost with it (SPEND_AT_RISK_USD). No language model is asked until it "
        "is back; quoted answers still work.",
        retry_after_s=5,
    )
