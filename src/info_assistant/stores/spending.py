"""What was spent, summed from the ledger's lines (`ports.Spending`), and read for budgets.

Nothing here is a truth of its own: every sum can be made again from the segments at any time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, timedelta
from typing import Protocol

from info_assistant.errors import ObjectStorageUnavailable, StoredDataInvalid
from info_assistant.model.answer import AnswerUsage
from info_assistant.model.gap import RecordGap
from info_assistant.model.spend import SpendEvent, UsageLine
from info_assistant.model.spend_fold import SpendFold
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock
from info_assistant.stores.ledger import KIND, RecordedLedger, spend_event
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields
from info_assistant.stores.writers import WriterWatch

LOOK_S = 5.0
"""How often budgets are told of what other replicas have spent."""

_FINISHED = timedelta(days=2)
_DAYS_KEPT = 4096
_AT_START_S = 5.0
_AT_ONCE = 100
_log = get_logger("spending")


class RecordedSpending:
    """Sums of the events in a record log."""

    def __init__(
        self,
        log: RecordLog,
        ledger: RecordedLedger,
        clock: Clock,
        writers: WriterWatch | None = None,
    ) -> None:
        """Read from `log`; requests under way are known to `ledger`, lost writers to `writers`."""
        self._writers = writers
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._finished: OrderedDict[tuple[str, date], Sequence[UsageLine]] = OrderedDict()

    def of_request(self, request_id: str) -> AnswerUsage:
        """Return what the calls of a request took so far; known here for some thousand requests."""
        return self._ledger.of_request(request_id)

    async def usage(self, tenant: str, first: date, last: date) -> Sequence[UsageLine]:
        """Return a tenant's sums of these days (UTC). Raises ObjectStorageUnavailable."""
        lines: list[UsageLine] = []
        for n in range((last - first).days + 1):
            lines += await self._of_day(tenant, first + timedelta(days=n))
        return lines

    async def gaps(self, first: date, last: date) -> Sequence[RecordGap]:
        """Return of which times in these days calls may be missing.

        Raises ObjectStorageUnavailable.
        """
        found = await self._writers.gaps() if self._writers else ()
        return [each for each in found if each.begin.date() <= last and each.end.date() >= first]

    async def _of_day(self, tenant: str, day: date) -> Sequence[UsageLine]:
        now = self._clock.now()
        known = self._finished.get((tenant, day))
        if known is not None:
            return known
        fold = SpendFold()
        async for page in self._log.of_day(KIND, tenant, day, set()):
            await asyncio.to_thread(_fold, page, fold)
        lines = fold.lines(now)
        # What an old day says changes no more, but for the word by which a dead call is called.
        if day <= now.astimezone(UTC).date() - _FINISHED:
            self._finished[tenant, day] = lines
            if len(self._finished) > _DAYS_KEPT:
                self._finished.popitem(last=False)
        return lines


class ToldBudgets(Protocol):
    """Budgets that have to be told of what they cannot know."""

    def note(self, event: SpendEvent) -> None:
        """Take a line about an event into account; any order, any number of times."""

    def days_to_read(self, tenant: str) -> Sequence[date]:
        """Return the days of which lines of other replicas are still to be looked for."""

    async def has_lost(self, tenant: str, day: date) -> bool:
        """Whether what was read of a day before has to be read again."""

    async def has_read(self, tenant: str, day: date) -> None:
        """Note that all there was of a day has been taken into account."""


class BudgetWatch:
    """Tells budgets of what was spent, here in a former life and by other replicas."""

    def __init__(
        self, log: RecordLog, budgets: ToldBudgets, tenants: Callable[[], Sequence[str]]
    ) -> None:
        """Read from `log` for each tenant that `tenants` names."""
        self._log = log
        self._budgets = budgets
        self._tenants = tenants
        self._seen: dict[tuple[str, date], set[str]] = {}
        self._reachable = True

    async def start(self) -> None:
        """Look once, for some seconds at most; the rest is read while answers are given."""
        try:
            async with asyncio.timeout(_AT_START_S):
                await self._try_to_look()
        except TimeoutError:
            _log.warning("Budgets are not known wholly yet")

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._try_to_look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Read what is new. Raises ObjectStorageUnavailable."""
        wanted: set[tuple[str, date]] = set()
        for tenant in self._tenants():
            for day in self._budgets.days_to_read(tenant):
                wanted.add((tenant, day))
                if await self._budgets.has_lost(tenant, day):
                    self._seen.pop((tenant, day), None)
                seen = self._seen.setdefault((tenant, day), set())
                async for page in self._log.of_day(KIND, tenant, day, seen):
                    await self._tell(page)
                await self._budgets.has_read(tenant, day)
        self._seen = {key: names for key, names in self._seen.items() if key in wanted}

    async def _tell(self, page: Sequence[Fields]) -> None:
        """Tell the budgets of some lines, few at a time: others want the event loop as well."""
        events = await asyncio.to_thread(lambda: list(events_of(page)))
        for at, event in enumerate(events, 1):
            self._budgets.note(event)
            if at % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _try_to_look(self) -> None:
        try:
            await self.look()
        except ObjectStorageUnavailable as error:
            if self._reachable:
                _log.warning("Budgets do not know what others spend", error=error.code)
            self._reachable = False
        else:
            self._reachable = True


def _fold(page: Sequence[Fields], fold: SpendFold) -> None:
    for event in events_of(page):
        fold.add(event)


def events_of(page: Sequence[Fields]) -> Iterator[SpendEvent]:
    """Yield the events that lines tell of; those that cannot be understood are passed over."""
    for fields in page:
        try:
            yield spend_event(fields)
        except StoredDataInvalid as error:
            _log.warning("Line of the ledger unreadable", id=fields["id"], error=error.message)
