"""What a shared object says, decoded once for each version rather than for each request."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

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
