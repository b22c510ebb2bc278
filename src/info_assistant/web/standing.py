"""Whether a document counts, in plain words: held back, superseded, not in effect yet."""

from datetime import UTC, date, datetime

from info_assistant.web.languages import N_, Phrase

_HOLDS = {
    "withdrawn": N_("Withdrawn: answers do not use this document."),
    "quarantined": N_(
        "In quarantine: answers do not use this document, and readers cannot open it."
    ),
}


def held(kind: str) -> str:
    """Return what it means for readers that a document is held back."""
    return _HOLDS.get(kind, N_("Held back: answers do not use this document."))


def currency(effective: date | None, superseded: date | None) -> Phrase | None:
    """Return in a sentence that a document counts no more or not yet; None where it does."""
    today = datetime.now(UTC).date()
    if superseded is not None and superseded <= today:
        return Phrase(N_("Superseded on %(day)s: it counts no more."), {"day": superseded})
    if effective is not None and effective > today:
        return Phrase(N_("Takes effect on %(day)s: it does not count yet."), {"day": effective})
    return None
