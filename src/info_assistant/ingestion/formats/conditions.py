"""What a reading may use, and whom it tells how far it has come."""

from dataclasses import dataclass, field, replace
from typing import Protocol, Self


class Progress(Protocol):
    """Takes word of how many units (pages, slides, rows, files) of how many are read."""

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Note it; `total` may be an estimate that `done` passes."""


def untold(done: int, total: int, unit: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Unpacking:
    """What may still be unpacked from archives and messages, for a file and all that lie in it."""

    bytes_left: int = 200_000_000
    members_left: int = 500


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one file may use and become; plain text may become more, as it costs less.

    `recognition_seconds` is processor time for recognising text in pictures of pages. `inside`
    names the kinds of container that the file lies in, the outermost first.
    """

    max_pages: int = 5_000
    max_characters: int = 20_000_000
    max_blocks: int = 250_000
    max_plain_characters: int = 256 * 1024 * 1024
    max_plain_blocks: int = 2_000_000
    recognition_seconds: float = 90.0
    on_progress: Progress = untold
    inside: tuple[str, ...] = ()
    unpacking: Unpacking = field(default_factory=Unpacking)

    def within(self, container: str) -> Self:
        """Return the conditions of a file in such a container; only the outermost tells."""
        return replace(self, inside=(*self.inside, container), on_progress=untold)
