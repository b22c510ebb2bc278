"""What still works in which mode, and which modes are in force."""

from collections.abc import Sequence

from info_assistant.model.mode import Mode
from info_assistant.model.traffic import Traffic


class Modes:
    """The modes in force."""

    def in_force(self) -> Sequence[Mode]:
        """Return every mode that is in force now."""
        return ()

    def require_open(self, traffic: Traffic) -> None:
        """Return if requests of this kind are served now. Raises Maintenance and its kin."""

    @property
    def served_mode(self) -> str:
        """What `X-Served-Mode` says: `normal`, or the names of the modes in force."""
        return "normal"
