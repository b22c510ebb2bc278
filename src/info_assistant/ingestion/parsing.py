"""The file format between us and the process that parses: JSON, as what parsed may be compromised.

A request is a header line and the file's bytes, unless the file itself comes as a descriptor. A
reply is lines: any number about progress, then either a refusal, or blocks and an end. No block is
longer than `LONGEST_BLOCK` characters, so that whoever takes them needs little memory.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from info_assistant.errors import Unreadable
from info_assistant.model.reading import Block, BlockKind, Reading, ReadingFacts

_PROGRESS, _BLOCKS, _END, _UNREADABLE = "progress", "blocks", "end", "unreadable"
_LINE_CHARACTERS = 50_000
_LINE_BLOCKS = 500
LONGEST_BLOCK = 20_000
LONGEST_MESSAGE = 256
"""Bytes of a message between the parser and us, which tells of jobs and holds no text."""

OUT_OF_MEMORY = 77
"""The exit code of a parser whose document needed more memory than it may have."""

_ENDS = ("\n", ". ", " ")
_UNKNOWN = "The parser's reply has an unknown shape."


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What one document may use and become; plain text may become more, as it costs less."""

    memory_bytes: int
    cpu_seconds: int
    max_characters: int
    max_blocks: int
    max_pages: int
    max_plain_characters: int
    max_plain_blocks: int


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """One file to parse."""

    filename: str
    media_type: str
    size: int
    limits: ParseLimits

    def encode(self) -> bytes:
        """Return the header line."""
        fields = [self.filename, self.media_type, self.size, *astuple(self.limits)]
        return json.dumps(fields).encode() + b"\n"


def decode_request(line: bytes) -> ParseRequest:
    """Return the request of a header line."""
    filename, media_type, size, *limits = json.loads(line)
    return ParseRequest(filename, media_type, size, ParseLimits(*limits))


def encode_progress(done: int, total: int, unit: str) -> bytes:
    """Return word of how far the reading is, as a line that comes before the reply."""
    return _line([_PROGRESS, done, total, unit])


def encode_reading(reading: Reading) -> Iterator[bytes]:
    """Yield a reading as lines of moderate length; a table's header is written once in each."""
    batch: list[Block] = []
    characters = 0
    for block in (piece for whole in reading.blocks for piece in bounded(whole)):
        batch.append(block)
        characters += len(block.text)
        if characters > _LINE_CHARACTERS or len(batch) == _LINE_BLOCKS:
            yield _blocks_line(batch)
            batch, characters = [], 0
    if batch:
        yield _blocks_line(batch)
    yield _line([_END, reading.title, reading.pages, reading.notes, reading.language])


def bounded(block: Block) -> Iterator[Block]:
    """Yield a block in pieces of at most `LONGEST_BLOCK` characters, cut where that hurts least."""
    text, at = block.text, 0
    while len(text) - at > LONGEST_BLOCK:
        middle, most = at + LONGEST_BLOCK // 2, at + LONGEST_BLOCK
        ends = (text.rfind(mark, middle, most) + len(mark) for mark in _ENDS)
        stop = next((end for end in ends if end > middle), most)
        yield replace(block, text=text[at:stop].rstrip())
        at = stop
    yield block if at == 0 else replace(block, text=text[at:])


def encode_unreadable(error: Unreadable) -> bytes:
    """Return a refusal as a reply."""
    return _line([_UNREADABLE, error.kind, error.message])


class ReplyDecoder:
    """Understands the lines of a reply as they come; no reply is held whole.

    `take` raises Unreadable for a refusal and ValueError for what is no reply.
    """

    def __init__(self, on_progress: Callable[[int, int, str], None] | None = None) -> None:
        """Tell `on_progress` of each word about how far the reading is."""
        self._on_progress = on_progress
        self._header = ""
        self._facts: ReadingFacts | None = None

    @property
    def facts(self) -> ReadingFacts | None:
        """What is known besides the blocks, once the last line came."""
        return self._facts

    def take(self, line: bytes) -> Sequence[Block]:
        """Take one line; return the blocks in it."""
        try:
            kind, *fields = json.loads(line)
            if kind == _BLOCKS:
                return self._blocks(*fields)
            if kind == _PROGRESS:
                self._tell(*fields)
            elif kind == _END:
                self._end(*fields)
            elif kind == _UNREADABLE:
                raise Unreadable(*map(str, fields))
            else:
                raise ValueError(_UNKNOWN)
        except (KeyError, TypeError, IndexError) as exc:
            raise ValueError(_UNKNOWN) from exc
        return ()

    def _tell(self, done: object, total: object, unit: object) -> None:
        if self._on_progress is not None and isinstance(done, int) and isinstance(total, int):
            self._on_progress(done, total, str(unit))

    def _blocks(self, headers: list[str], rows: list[list[Any]]) -> Sequence[Block]:
        # One string for all rows of a table, also where they come in several lines.
        shared = [self._header if header == self._header else str(header) for header in headers]
        self._header = shared[-1] if shared else ""
        return [
            Block(BlockKind(kind), str(text), _number(page), int(level), shared[header])
            for kind, text, page, level, header in rows
        ]

    def _end(
        self, title: str | None, pages: object, notes: list[str], language: str | None
    ) -> None:
        self._facts = ReadingFacts(
            title=None if title is None else str(title),
            pages=_number(pages),
            notes=tuple(str(note) for note in notes),
            language=None if language is None else str(language),
        )


def _blocks_line(blocks: Sequence[Block]) -> bytes:
    headers = list(dict.fromkeys(block.table_header for block in blocks))
    place = {header: number for number, header in enumerate(headers)}
    rows = [
        [block.kind.value, block.text, block.page, block.level, place[block.table_header]]
        for block in blocks
    ]
    return _line([_BLOCKS, headers, rows])


def _line(fields: Sequence[object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
