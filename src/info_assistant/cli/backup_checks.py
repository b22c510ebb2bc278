"""What `doctor` says of backups and restores."""

from collections.abc import Sequence

from info_assistant.cli.checks import Finding, Health
from info_assistant.errors import InfoAssistantError
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.restoring import NAME, RestoreMark
from info_assistant.settings import Settings
from info_assistant.stores.backup.shelf import Shelf
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.objects import SharedObjects


async def check_backups(settings: Settings) -> Sequence[Finding]:
    """Whether a restore was left half done, and whether there is a good backup."""
    clock = SystemClock()
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    stored = SharedObjects(blobs, settings.data_dir / "last-good", clock).open(NAME)
    findings = []
    try:
        await stored.refresh(whole=True)
        half = RestoreMark(stored).backup_id
        if half is not None:
            words = f"that of {half} was begun and has not ended; no document is indexed meanwhile"
            remedy = f"Wait until it is done. If it was killed: info-assistant restore {half}"
            findings.append(Finding("Restore", Health.WRONG, words, remedy))
        shelf = Shelf(ObjectBlobs(settings.backup.url, settings.s3, variable="BACKUP_URL"), clock)
        good = next((each for each in await shelf.all() if each.good and each.manifest), None)
    except InfoAssistantError as error:
        return [*findings, Finding("Backups", Health.WARNING, error.message)]
    if good is None or good.manifest is None:
        remedy = "Run `info-assistant backup create`, and let something run it every day."
        return [*findings, Finding("Backups", Health.WARNING, "there is no good one", remedy)]
    hours = (clock.now() - good.manifest.began_at).total_seconds() / 3600
    words = f"the newest good one is {hours:.1f} h old"
    return [*findings, Finding("Backups", Health.GOOD, words)]
