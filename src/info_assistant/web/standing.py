"""Whether a document counts, in plain words: held back, superseded, not in effect yet."""

from datetime import UTC, date, datetime

_HOLDS = {
    "withdrawn": "Withdrawn: answers do not use this document.",
    "quarantined": "In quarantine: answers do not use this document, and readers cannot open it.",
}


def held(kind: str) -> str:
    """Return what it means for readers that a document is held back."""
    return _HOLDS.get(kind, "Held back: answers do not use this document.")


def currency(effective: date | None, superseded: date | None) -> str:
    """Return in a sentence that a document counts no more or not yet; "" where it does."""
    today = datetime.now(UTC).date()
    if superseded is not None and superseded <= today:
        return f"Superseded on {day(superseded)}: it counts no more."
    if effective is not None and effective > today:
        return f"Takes effect on {day(effective)}: it does not count yet."
    return ""


def day(value: date) -> str:
    """Return a day for people: '1 January 2027'."""
    return f"{value.day} {value:%B %Y}"
