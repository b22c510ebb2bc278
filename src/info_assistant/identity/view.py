"""What a shared object says, decoded once for each version rather than for each request."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from info_assistant.errors import ObjectStorageUnavailable
from info_assistant.ports import SharedObject

T = TypeVar("T")


class View(Generic[T]):
    """A shared object as a value of our own."""

    def __init__(self, shared: SharedObject, decode: Callable[[Mapping[str, Any]], T]) -> None:
        """Show `shared` as what `decode` makes of its fields."""
        self._shared = shared
        self._decode = decode
        self._version = -1
        self._value: T

    @property
    def value(self) -> T:
        """What the newest version known here says."""
        state = self._shared.current
        if state.version != self._version:
            self._value = self._decode(state.fields)
            self._version = state.version
        return self._value

    def require_whole(self) -> None:
        """Return if what is not in here is nowhere. Raises ObjectStorageUnavailable.

        Who came lately must not be turned away for good by a process that has begun during an
        outage, and knows what it left behind at best.
        """
        if not self._shared.confirmed:
            raise ObjectStorageUnavailable(
                "Who may come in could not be read since this part of the service started, because "
                "object storage does not answer. Nothing is wrong with your sign-in; please try "
                "again in a moment.",
                retry_after_s=5,
            )
