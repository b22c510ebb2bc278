"""The text read from documents, as object storage keeps it: whole if it is short, else in parts.

`{tenant}/readings/{hash}/{reader's version}.{kind}.json` holds the blocks of a short text, or names
the parts of a long one in their order, which lie in a folder beside it. A part's name says what is
in it, so that two workers on the same document do not spoil each other's; the object that names
them is written last.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from info_assistant.errors import NotFound
from info_assistant.ingestion.originals import READER_VERSION, kind_of, readings_folder
from info_assistant.model.document import Document
from info_assistant.model.reading import Block, BlockKind, Placing, Reading, ReadingFacts
from info_assistant.model.schema import MALFORMED, Stored, stamped
from info_assistant.ports import Blobs

PART_CHARACTERS = 500_000
PART_BLOCKS = 5_000
_LOG = structlog.get_logger(__name__)


def reading_key(document: Document) -> str:
    """Return the name of the text read from a document's present bytes.

    The kind of file is part of it: the same bytes read differently as Markdown and as plain text.
    """
    return f"{_folder(document)}.json"


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a text's blocks, from character `start` to before `end` of the whole.

    `key` is empty where they lie in the object that tells of the whole.
    """

    key: str
    start: int
    end: int


class StoredReading:
    """The text of a document in object storage."""

    def __init__(
        self,
        blobs: Blobs,
        facts: ReadingFacts,
        parts: Sequence[Part],
        inline: Sequence[Block] = (),
    ) -> None:
        """Describe what lies in `blobs`."""
        self._blobs = blobs
        self.facts = facts
        self.parts = tuple(parts)
        self._inline = inline

    @property
    def characters(self) -> int:
        """The length of the whole text."""
        return self.parts[-1].end if self.parts else 0

    async def blocks(self, part: Part) -> Sequence[Block]:
        """Return the blocks of a part.

        Raises ObjectStorageUnavailable, and NotFound for a part that is lost.
        """
        if not part.key:
            return self._inline
        try:
            return await asyncio.to_thread(_blocks_from, await self._blobs.get(part.key))
        except (NotFound, *MALFORMED) as exc:
            _LOG.warning("part of a reading unusable", key=part.key, error=type(exc).__name__)
            raise NotFound(
                "A part of this document's text is lost. It is made again from the original when "
                "the document is taken in the next time."
            ) from exc

    async def stretch(self, start: int, end: int) -> Reading:
        """Return the parts of the text that the characters [start, end) lie in, at least one.

        Raises what `blocks` raises.
        """
        first = next((at for at, part in enumerate(self.parts) if start < part.end), -1)
        wanted = self.parts[first:][:1]
        wanted += tuple(part for part in self.parts[first:][1:] if part.start < end)
        blocks = [block for part in wanted for block in await self.blocks(part)]
        begins = wanted[0].start if wanted else 0
        goes_on = bool(wanted) and wanted[-1] is not self.parts[-1]
        facts = self.facts
        return Reading(
            tuple(blocks),
            facts.title,
            facts.pages,
            facts.notes,
            begins,
            goes_on,
            None if wanted == self.parts else self.characters,
            facts.language,
        )


class ReadingWriter:
    """Stores the text of a document while it is read (`ports.BlockSink`)."""

    def __init__(
        self, blobs: Blobs, document: Document, part_characters: int | None = None
    ) -> None:
        """Write the text of `document` in parts of about `part_characters`."""
        self._blobs = blobs
        self._document = document
        self._part_characters = part_characters or PART_CHARACTERS
        self.begin()

    def begin(self) -> None:
        """Forget what has come so far: the file is read from its beginning."""
        self._parts: list[Part] = []
        self._waiting: list[Block] = []
        self._start = self._end = 0
        self._placing = Placing()

    async def add(self, blocks: Sequence[Block]) -> None:
        """Take the next blocks. Raises ObjectStorageUnavailable."""
        for placed in self._placing.place(blocks):
            if not self._waiting:
                self._start = placed.start
            self._waiting.append(placed.block)
            self._end = placed.end
            if (
                self._end - self._start >= self._part_characters
                or len(self._waiting) >= PART_BLOCKS
            ):
                await self._write_part()

    async def finish(self, facts: ReadingFacts) -> StoredReading:
        """Make what came the document's text. Raises ObjectStorageUnavailable."""
        if not self._parts:
            blocks, part = self._waiting, Part("", 0, self._end)
            whole = {"blocks": [asdict(each) for each in blocks], **asdict(facts)}
            await self._blobs.put(reading_key(self._document), _encoded(whole))
            return StoredReading(self._blobs, facts, [part], blocks)
        if self._waiting:
            await self._write_part()
        index = {"parts": [asdict(each) for each in self._parts], **asdict(facts)}
        await self._blobs.put(reading_key(self._document), _encoded(index))
        return StoredReading(self._blobs, facts, self._parts)

    async def _write_part(self) -> None:
        data = await asyncio.to_thread(
            lambda: _encoded({"blocks": [asdict(each) for each in self._waiting]})
        )
        digest = hashlib.sha256(data).hexdigest()[:16]
        key = f"{_folder(self._document)}/{len(self._parts):06d}-{digest}.json"
        await self._blobs.put(key, data)
        self._parts.append(Part(key, self._start, self._end))
        self._waiting = []


async def open_reading(blobs: Blobs, document: Document) -> StoredReading | None:
    """Return the stored text of a document, or None where it must be read anew."""
    key = reading_key(document)
    try:
        fields: Mapping[str, Any] = json.loads(await blobs.get(key))
        facts = ReadingFacts(
            fields["title"], fields["pages"], tuple(fields["notes"]), fields.get("language")
        )
        if "parts" in fields:
            parts = [
                Part(str(each["key"]), int(each["start"]), int(each["end"]))
                for each in fields["parts"]
            ]
            return StoredReading(blobs, facts, parts)
        blocks = _blocks(fields["blocks"])
    except NotFound:
        return None
    except MALFORMED as exc:
        _LOG.warning("stored reading unusable", key=key, error=str(exc))
        return None
    end = max((placed.end for placed in Placing().place(blocks)), default=0)
    return StoredReading(blobs, facts, [Part("", 0, end)], blocks)


async def forget_reading(blobs: Blobs, document: Document) -> None:
    """Let the text of a document be made again from its original."""
    await blobs.delete(reading_key(document))


def _folder(document: Document) -> str:
    return f"{readings_folder(document)}/{READER_VERSION}.{kind_of(document)}"


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(stamped(Stored.READING, fields), ensure_ascii=False).encode()


def _blocks_from(data: bytes) -> list[Block]:
    return _blocks(json.loads(data)["blocks"])


def _blocks(rows: Sequence[Mapping[str, Any]]) -> list[Block]:
    return [
        Block(
            kind=BlockKind(block["kind"]),
            text=str(block["text"]),
            page=block["page"],
            level=int(block["level"]),
            table_header=str(block["table_header"]),
        )
        for block in rows
    ]
