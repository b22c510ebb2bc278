"""Files that lie in another one, as sections of its reading under their names."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.model.reading import Block, BlockKind, Reading

_NAMED = 20
_LONGEST_NAME = 200
_MOST_INSIDE = {"zip": 2, "eml": 3}
"""How many containers of a kind a file may lie in."""


class ReadMember(Protocol):
    """Reads a file of any format."""

    def __call__(
        self, data: bytes, *, filename: str, media_type: str, conditions: Conditions
    ) -> Reading:
        """Return what is in it. Raises Unreadable with the reason in words."""


@dataclass
class Members:
    """Collects what the files in a container hold.

    Each becomes a section: a heading of level 1 with its name, and its own headings below that. A
    block keeps the page that it has in its own file. What cannot be read is named in the notes.
    """

    container: str
    conditions: Conditions
    read: ReadMember
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refusals: list[Unreadable] = field(default_factory=list)
    characters: int = 0

    @property
    def too_deep(self) -> bool:
        """Whether this container lies in more of its kind than are opened."""
        return self.conditions.inside.count(self.container) >= _MOST_INSIDE[self.container]

    def add(self, name: str, data: bytes, media_type: str = "") -> None:
        """Read a member into the collection. Raises Unreadable (limits) if all is too much."""
        try:
            reading = self.read(
                data,
                filename=name,
                media_type=media_type,
                conditions=self.conditions.within(self.container),
            )
        except Unreadable as error:
            self.leave_out(name, error)
            return
        self.notes += [f"{shown_name(name)}: {note}" for note in reading.notes]
        self.blocks.append(Block(BlockKind.HEADING, shown_name(name), level=1))
        self.blocks += _below(reading.blocks)
        self.characters += sum(len(block.text) for block in reading.blocks)
        self._check()

    def leave_out(self, name: str, error: Unreadable) -> None:
        """Note that a member is not read, and why."""
        self.refusals.append(error)
        self.notes.append(f"{shown_name(name)} was left out: {error.message}")

    def told(self) -> tuple[str, ...]:
        """Return the notes, of very many only the first."""
        rest = len(self.notes) - _NAMED
        more = (f"{rest} more notes are not shown.",) if rest > 0 else ()
        return (*self.notes[:_NAMED], *more)

    def _check(self) -> None:
        limits = self.conditions
        if self.characters > limits.max_characters or len(self.blocks) > limits.max_blocks:
            raise Unreadable(
                "limits",
                "The files in this one hold more text than is read from one document. Send them "
                "one by one.",
            )


def shown_name(name: str) -> str:
    """Return a name from inside a file as it may be shown: one line, no way out of the folder."""
    parts = [clean(part) for part in name.replace("\\", "/").split("/")]
    kept = [part for part in parts if part not in {"", ".", ".."} and not part.endswith(":")]
    return "/".join(kept)[-_LONGEST_NAME:] or "file without a name"


def _below(blocks: Sequence[Block]) -> list[Block]:
    return [
        replace(block, level=block.level + 1) if block.kind is BlockKind.HEADING else block
        for block in blocks
    ]
