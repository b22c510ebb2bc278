"""Totals in Redis made again from the ledger, whatever Redis remembers."""

import asyncio
from datetime import date, timedelta

from info_assistant.model.spend_fold import SpendFold
from info_assistant.stores.ledger import KIND
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.redis.totals import SpendTotals, month_to
from info_assistant.stores.spending import events_of


async def sum_again(totals: SpendTotals, log: RecordLog, tenant: str, today: date) -> int:
    """Replace a tenant's totals of this month by those of the ledger; return them together.

    Backends that run notice within seconds and tell what is not shipped yet. Raises
    RedisUnavailable, ObjectStorageUnavailable.
    """
    spent = 0
    for day in month_to(today):
        fold = SpendFold()
        finished = day < today - timedelta(days=1)
        if not finished:
            await totals.forget(tenant, day)
        async for page in log.of_day(KIND, tenant, day, set()):
            events = await asyncio.to_thread(lambda lines: list(events_of(lines)), page)
            for each in events:
                fold.add(each)
            if not finished:
                await totals.tell(tenant, day, events)
        if finished:
            await totals.close(tenant, day, fold.micro_usd)
        spent += fold.micro_usd
    return spent
