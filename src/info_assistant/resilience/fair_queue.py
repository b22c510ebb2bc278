"""Who is next, when several tenants wait for the same places.

The tenant that holds the fewest places is served first, and tenants that hold as many take turns;
within a tenant, first come is first served. So a place that comes free always goes to somebody, and
a tenant that asks a thousand times gets no more than one that asks as often as it is answered.
"""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting items by tenant, and how many places each tenant holds."""

    def __init__(self) -> None:
        """Begin with nobody waiting and no place held."""
        # The order of the tenants in it is the order of their turns.
        self._waiting: dict[str, deque[T]] = {}
        self._held: dict[str, int] = {}
        self._length = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._length

    def held(self, tenant: str) -> int:
        """Return how many places a tenant holds."""
        return self._held.get(tenant, 0)

    def waiting(self, tenant: str) -> int:
        """Return how many of a tenant wait."""
        return len(self._waiting.get(tenant, ()))

    def ahead_of(self, tenant: str) -> int:
        """Return how many would be served before one more of this tenant, at most."""
        own = self.waiting(tenant)
        level = self.held(tenant) + own
        return own + sum(
            min(len(items), max(0, level + 1 - self.held(other)))
            for other, items in self._waiting.items()
            if other != tenant
        )

    def longest(self) -> str | None:
        """Return the tenant of which the most wait; None if nobody does."""
        return max(self._waiting, key=self.waiting, default=None)

    def put(self, tenant: str, item: T) -> None:
        """Let an item wait, behind all others of its tenant."""
        self._waiting.setdefault(tenant, deque()).append(item)
        self._length += 1

    def take(self) -> tuple[str, T] | None:
        """Remove and return who is next, with the tenant; None if nobody waits."""
        # `min` keeps to the first of equals, so that turns decide between them.
        tenant = min(self._waiting, key=self.held, default=None)
        if tenant is None:
            return None
        items = self._waiting.pop(tenant)
        item = items.popleft()
        if items:
            self._waiting[tenant] = items  # At the end of the turns.
        self._length -= 1
        return tenant, item

    def take_newest(self, tenant: str) -> T:
        """Remove and return the one of a tenant that came last. Raises KeyError if none waits."""
        item = self._waiting[tenant].pop()
        self._forget_if_empty(tenant)
        return item

    def discard(self, tenant: str, item: T) -> None:
        """Remove an item; nothing happens if it does not wait."""
        items = self._waiting.get(tenant)
        if items is not None and item in items:
            items.remove(item)
            self._forget_if_empty(tenant)

    def hold(self, tenant: str) -> None:
        """Note that a tenant holds one place more."""
        self._held[tenant] = self.held(tenant) + 1

    def give_back(self, tenant: str) -> None:
        """Note that a tenant holds one place less."""
        left = self._held[tenant] - 1
        if left:
            self._held[tenant] = left
        else:
            del self._held[tenant]

    def _forget_if_empty(self, tenant: str) -> None:
        self._length -= 1
        if not self._waiting[tenant]:
            del self._waiting[tenant]
