"""Our own runbook: in a checkout, in the wheel, and in the one-file program."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from info_assistant.runbooks.errors import RunbookUnreadable

NAME = "P0-INCIDENTS.md"


def shipped_runbook() -> bytes:
    """Return the bytes of our own runbook. Raises RunbookUnreadable where none was shipped."""
    places: tuple[Traversable, ...] = (
        files("info_assistant.runbooks").joinpath("content", NAME),
        Path(__file__).parents[3] / "runbooks" / NAME,  # In a checkout.
    )
    for place in places:
        if place.is_file():
            return place.read_bytes()
    raise RunbookUnreadable("No runbook came with this program. Name one with --runbook.")
