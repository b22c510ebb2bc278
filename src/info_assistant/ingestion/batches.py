"""Documents under way, and the batches of passages that are cut across them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.ingestion.readings import StoredReading
from info_assistant.model.document import Document, DocumentStatus
from info_assistant.model.passage import Passage


@dataclass(slots=True, eq=False)
class Work:
    """A document that has been read and is being split; `written` counts its passages in the index.

    `claimed` is what the board showed when it was taken in hand. `passages` counts those that it
    has so far, and `expected` is how many it may have in the end: that is known once it is `split`.
    `title` and `access_revision` are what they were given. `stopped` means that nothing more is to
    be done for it: it failed or is gone. `looked_at` is when, on the loop's clock, the catalogue
    was last asked about it.
    """

    claimed: DocumentStatus
    document: Document
    reading: StoredReading
    title: str = ""
    access_revision: int = 0
    passages: int = 0
    expected: int = 0
    split: bool = False
    written: int = 0
    stopped: bool = False
    looked_at: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether all of its passages are searchable."""
        return self.split and self.written == self.passages


@dataclass(frozen=True, slots=True)
class Piece:
    """Some passages of one document, in one batch."""

    work: Work
    passages: Sequence[Passage]


class Batcher:
    """Holds the passages of several documents and hands them out in full batches.

    At most `room` passages wait, or those that were put together if they are more.
    """

    def __init__(self, room: int) -> None:
        """Hold up to `room` passages."""
        self._room = room
        self._waiting = 0
        self._pieces: deque[Piece] = deque()
        self._changed = asyncio.Condition()

    async def put(self, work: Work, passages: Sequence[Passage]) -> None:
        """Add passages of a document once there is room for them."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting < self._room)
            self._pieces.append(Piece(work, passages))
            self._waiting += len(passages)
            self._changed.notify_all()

    async def take(self, size: int) -> list[Piece]:
        """Return pieces with up to `size` passages, as soon as there are any."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._pieces))
            taken: list[Piece] = []
            left = size
            while self._pieces and left:
                piece = self._pieces.popleft()
                head, rest = piece.passages[:left], piece.passages[left:]
                if rest:
                    self._pieces.appendleft(Piece(piece.work, rest))
                taken.append(Piece(piece.work, head))
                left -= len(head)
            self._waiting -= size - left
            self._changed.notify_all()
            return taken
