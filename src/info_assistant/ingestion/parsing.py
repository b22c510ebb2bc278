"""The file format between us and the process that parses: JSON, as what parsed may be compromised.

A request is a header line and the file's bytes; a reply is one JSON object.
"""

import json
from dataclasses import dataclass
from typing import Any

from info_assistant.errors import Unreadable
from info_assistant.model.reading import Block, BlockKind, Reading


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What one document may use and become."""

    memory_bytes: int
    cpu_seconds: int
    max_characters: int
    max_blocks: int
    max_pages: int


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """One file to parse."""

    filename: str
    media_type: str
    size: int
    limits: ParseLimits

    def encode(self) -> bytes:
        """Return the header line."""
        limits = self.limits
        fields = [
            self.filename,
            self.media_type,
            self.size,
            limits.memory_bytes,
            limits.cpu_seconds,
            limits.max_characters,
            limits.max_blocks,
            limits.max_pages,
        ]
        return json.dumps(fields).encode() + b"\n"


def decode_request(line: bytes) -> ParseRequest:
    """Return the request of a header line."""
    filename, media_type, size, *limits = json.loads(line)
    return ParseRequest(filename, media_type, size, ParseLimits(*limits))


def encode_reading(reading: Reading) -> bytes:
    """Return a reading as a reply; each table header is written once."""
    headers = list(dict.fromkeys(block.table_header for block in reading.blocks))
    place = {header: number for number, header in enumerate(headers)}
    blocks = [
        [block.kind.value, block.text, block.page, block.level, place[block.table_header]]
        for block in reading.blocks
    ]
    reply = {
        "title": reading.title,
        "pages": reading.pages,
        "notes": reading.notes,
        "headers": headers,
        "blocks": blocks,
    }
    return json.dumps(reply, ensure_ascii=False).encode("utf-8", errors="replace")


def encode_unreadable(error: Unreadable) -> bytes:
    """Return a refusal as a reply."""
    return json.dumps({"unreadable": error.kind, "message": error.message}).encode()


def decode_reply(data: bytes) -> Reading:
    """Return the reading in a reply. Raises Unreadable for a refusal, ValueError if neither."""
    try:
        reply: dict[str, Any] = json.loads(data)
        if "unreadable" in reply:
            raise Unreadable(str(reply["unreadable"]), str(reply["message"]))
        headers = [str(header) for header in reply["headers"]]
        return Reading(
            blocks=tuple(
                Block(BlockKind(kind), str(text), _number(page), int(level), headers[header])
                for kind, text, page, level, header in reply["blocks"]
            ),
            title=None if reply["title"] is None else str(reply["title"]),
            pages=_number(reply["pages"]),
            notes=tuple(str(note) for note in reply["notes"]),
        )
    except (KeyError, TypeError, IndexError) as exc:
        raise ValueError("The parser's reply has an unknown shape.") from exc


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
