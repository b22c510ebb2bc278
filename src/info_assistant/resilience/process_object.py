"""The shared object of a process that shares with nobody."""

from collections.abc import Callable, Mapping
from typing import Any

from info_assistant.ports import SharedState


class ProcessObject:
    """ports.SharedObject in memory, forgotten when the process ends."""

    confirmed = True

    def __init__(self) -> None:
        """Begin where nothing was ever written."""
        self._current = SharedState(0, {})

    @property
    def current(self) -> SharedState:
        """The newest version."""
        return self._current

    async def change(self, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> SharedState:
        """Make the next version by `edit`. Raises what `edit` raises."""
        self._current = SharedState(self._current.version + 1, edit(self._current.fields))
        return self._current
