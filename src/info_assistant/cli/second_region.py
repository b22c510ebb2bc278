"""The second region as the command line reaches it: its DNS records and its backups.

It stands here and not in `wiring`, which would load the whole product: whoever fails over is in a
hurry.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from info_assistant.errors import Misconfigured
from info_assistant.regions.failover import Failover
from info_assistant.regions.loss import ShippedBackup, newest_backup
from info_assistant.regions.route53 import Route53
from info_assistant.regions.shipping import Shipped, ship
from info_assistant.settings import Settings
from info_assistant.stores.blobs import ObjectBlobs


def failover_of(settings: Settings) -> Failover:
    """Return what leads readers. Raises Misconfigured naming what is not set or installed."""
    region = settings.region
    needed = {
        "ROUTE53_ZONE_ID": region.zone,
        "ROUTE53_RECORDS": region.names,
        "SECOND_REGION_RECORD": region.record,
    }
    _require([name for name, value in needed.items() if not value])
    dns = Route53(region.zone, region.route53_endpoint)
    return Failover(dns, region.names, region.record)


def shipped_backup(settings: Settings) -> tuple[ShippedBackup | None, int | None]:
    """Return the newest good backup in the second region and what it would lose, in minutes.

    Raises Misconfigured, ObjectStorageUnavailable, StoredDataInvalid.
    """
    found = asyncio.run(newest_backup(_shelf(settings)))
    return found, found.loss_minutes(datetime.now(UTC)) if found else None


def ship_backup(settings: Settings, url: str) -> Shipped:
    """Copy the newest good backup from `url` to the second region. Raises what `ship` does."""
    return asyncio.run(ship(ObjectBlobs(url, settings.s3), _shelf(settings)))


def _shelf(settings: Settings) -> ObjectBlobs:
    region = settings.region
    _require([] if region.backup_url else ["SECOND_REGION_BACKUP_URL"])
    return ObjectBlobs(region.backup_url, region.s3)


def _require(missing: Sequence[str]) -> None:
    if missing:
        raise Misconfigured(
            f"{', '.join(missing)} is not set, so there is no second region to speak of. "
            "docs/failover.md says what to set."
        )
