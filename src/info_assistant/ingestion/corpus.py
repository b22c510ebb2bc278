"""Which tenants' documents have changed since when, by places in the feed of changes.

An answer that is kept remembers how far the feed had been read when its passages were looked for.
As long as nothing of its tenant came after that, looking again would find the same.
"""

from collections import Counter
from collections.abc import Iterable

from info_assistant.model.visibility import ChangeBatch, VisibilityChange


class CorpusPositions:
    """Knows the last change of each tenant (`ports.CorpusChanges`)."""

    def __init__(self) -> None:
        """Begin before the first entry of the feed."""
        self._position = 0
        self._known_from = 0
        self._last: dict[str, int] = {}
        self._unheard: Counter[str] = Counter()

    @property
    def position(self) -> int:
        """How far the feed has been read."""
        return self._position

    def unchanged_since(self, tenant: str, position: int) -> bool:
        """Whether nothing of a tenant has changed since this place; False if that is unknown."""
        return (
            position >= self._known_from
            and self._last.get(tenant, 0) <= position
            and not self._unheard[tenant]
        )

    def expect(self, changes: Iterable[VisibilityChange]) -> None:
        """Count changes made here as such until they are read back from the feed."""
        self._unheard.update(each.tenant for each in changes)

    def heard(self, changes: Iterable[VisibilityChange]) -> None:
        """Take note that changes made here were read back."""
        self._unheard.subtract(each.tenant for each in changes)

    def note(self, batch: ChangeBatch) -> None:
        """Take note of the feed's next entry."""
        if batch.number != self._position + 1:
            # Entries before it were gone already: what they told is not known.
            self._known_from = batch.number - 1
        if not batch.changes:
            # It could not be understood, so it may have been about anybody.
            self._known_from = batch.number
        self._position = batch.number
        for each in batch.changes:
            self._last[each.tenant] = batch.number
