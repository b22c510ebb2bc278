"""What was worked out for certain objects, as long as they are the very same.

Answers that are given again share their parts with those given before. Whether two are the same
is seen by their identity, which costs nothing; what was known of others that once lay at the same
place in memory is never mistaken for it, because the objects are held as well.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class SameObjects(Generic[V]):
    """Values for tuples of objects, by the objects' identity; the oldest go first."""

    def __init__(self, most: int) -> None:
        """Hold `most` values."""
        self._most = most
        self._held: OrderedDict[tuple[int, ...], tuple[tuple[object, ...], V]] = OrderedDict()

    def get(self, *objects: object) -> V | None:
        """Return what was noted for these very objects."""
        held = self._held.get(tuple(map(id, objects)))
        return None if held is None else held[1]

    def note(self, value: V, *objects: object) -> None:
        """Note a value for these objects, and hold them."""
        self._held[tuple(map(id, objects))] = (objects, value)
        if len(self._held) > self._most:
            self._held.popitem(last=False)
