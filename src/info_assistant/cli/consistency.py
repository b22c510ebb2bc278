"""What `doctor` says about the stores compared with each other."""

from collections.abc import Sequence

from info_assistant.cli.checks import Finding, Health
from info_assistant.errors import InfoAssistantError
from info_assistant.ingestion.inspection import Fault, Group, Inspected
from info_assistant.settings import Settings

_SUBJECT = "Stored documents"
_REPAIR = "`info-assistant doctor --repair` mends this."
_WORDS: dict[Fault, tuple[str, str]] = {
    Fault.UNREADABLE_ENTRY: (
        "catalogue entries cannot be understood",
        "Restore them from a backup; the log of the backend names them.",
    ),
    Fault.MISSING_ORIGINAL: (
        "originals are missing that the catalogue names",
        "Restore them from a backup, or hand the documents in again.",
    ),
    Fault.MISSING_STATE: ("documents are in the catalogue and not in the list", _REPAIR),
    Fault.OLD_STATE: ("documents are shown as they were before their last change", _REPAIR),
    Fault.STALE_LEASE: (
        "documents are in the hands of a worker that says nothing any more",
        f"See that a worker runs (INGESTION_WORKERS). {_REPAIR}",
    ),
    Fault.MISSING_PASSAGES: ("documents are called ready and lack passages", _REPAIR),
    Fault.SURPLUS_PASSAGES: ("documents have passages twice or of an old version", _REPAIR),
    Fault.ORPHANED_BYTES: ("originals belong to no document", _REPAIR),
    Fault.ORPHANED_TEXT: ("stored texts belong to no document", _REPAIR),
    Fault.ORPHANED_REFERENCE: ("references to originals belong to no document", _REPAIR),
    Fault.ORPHANED_PASSAGES: ("documents have passages and are not in the catalogue", _REPAIR),
    Fault.ORPHANED_STATE: ("documents are in the list and not in the catalogue", _REPAIR),
    Fault.ORPHANED_INDEX: ("search indexes are there that nobody uses", _REPAIR),
    Fault.UNSWEPT: (
        "deleted documents are not swept away yet; answers do not use them",
        f"A running worker does it within a minute. {_REPAIR}",
    ),
}


async def check_consistency(settings: Settings, *, repair: bool) -> Sequence[Finding]:
    """Compare originals, catalogue, list and index; with `repair`, mend what can be mended."""
    from info_assistant.wiring.processes import inspect  # noqa: PLC0415  Loads the whole product.

    try:
        inspected = await inspect(settings, repair=repair)
    except InfoAssistantError as error:
        words = f"could not be compared: {error.message}"
        return [Finding(_SUBJECT, Health.WARNING, words, "Mend what is wrong above first.")]
    return [_summary(inspected), *(_finding(*each) for each in sorted(inspected.faults.items()))]


def _summary(inspected: Inspected) -> Finding:
    words = (
        f"{inspected.documents:,} documents, {inspected.originals:,} originals and "
        f"{inspected.passages:,} passages compared"
    )
    return Finding(_SUBJECT, Health.GOOD, words)


def _finding(fault: Fault, group: Group) -> Finding:
    what, remedy = _WORDS[fault]
    examples = "; ".join(group.examples)
    more = " …" if group.count > len(group.examples) else ""
    words = f"{group.count:,} {what}: {examples}{more}"
    subject = fault.value.replace("_", " ").capitalize()
    if group.mended == group.count:
        return Finding(subject, Health.WARNING, f"mended: {words}")
    return Finding(subject, Health.WRONG, words, remedy)
