"""Keys, tenants and switches for the command line, without what a backend is made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from info_assistant.identity.administration import Administration
from info_assistant.identity.keys import ApiKeys
from info_assistant.identity.operator_trail import OperatorTrail
from info_assistant.identity.tenants import Tenants
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.modes import Modes
from info_assistant.settings import Settings
from info_assistant.stores.audit import RecordedAudit
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.objects import SharedObjects
from info_assistant.wiring.records import record_log


@asynccontextmanager
async def administration(settings: Settings, actor: str) -> AsyncIterator[Administration]:
    """Give `actor` access to keys, tenants and switches as they are; works when no backend does.

    Raises ObjectStorageUnavailable.
    """
    clock = SystemClock()
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    objects = SharedObjects(blobs, settings.data_dir / "last-good", clock)
    keys, tenants, switches = (objects.open(each) for each in ("keys", "tenants", "switches"))
    for each in (keys, tenants, switches):
        await each.refresh(whole=True)
    records = record_log(settings, blobs)
    try:
        yield Administration(
            ApiKeys(keys, clock),
            Tenants(tenants, clock),
            Modes(switches=switches, clock=clock),
            OperatorTrail(RecordedAudit(records), clock, actor),
        )
    finally:
        await records.close()
