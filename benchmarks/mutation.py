"""Damages real files of each format at random and reads them: `python -m benchmarks.mutation`.

Each must end within its limits in a reading or in a refusal in words; the process that all parsing
comes from must live on. The files are written by real producers, and the same seed makes the same
damage.
"""

# ruff: noqa: S311 - chance makes the damage.

import argparse
import asyncio
import io
import json
import random
import resource
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
from fpdf import FPDF

from info_assistant.errors import Unreadable
from info_assistant.ingestion.read import ReadLimits, SubprocessReader

LIMITS = ReadLimits(memory_bytes=1024**3, cpu_seconds=20, wall_seconds=40.0)
_RESULTS = Path(__file__).parent / "results" / "mutation.json"
_RULE = "Employees may carry over 240 hours of annual leave, as paragraph {number} says."
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_SIZES = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"/Length ", b"startxref", b"Content-")
_BROKEN = "breaks the program"


def originals() -> dict[str, bytes]:
    """Return a small real file of each format, by its name."""
    rows: list[list[object]] = [["Office", "Days", "Share"], ["North", 5, 0.25], ["South", 7, 0.5]]
    text = "\n\n".join(_RULE.format(number=number) for number in range(20))
    made = {
        "a.txt": text.encode("utf-16"),
        "a.md": f"# Leave\n\n{text}\n\n| A | B |\n|---|---|\n| 1 | 2 |\n".encode(),
        "a.html": f"<h1>Leave</h1><table><tr><th>A<th>B<tr><td>1<td>2</table><p>{text}".encode(),
        "a.csv": "\n".join(",".join(map(str, row)) for row in rows * 20).encode(),
        "a.pdf": _pdf(),
        "a.docx": _docx(rows),
        "a.pptx": _pptx(),
        "a.xlsx": _xlsx(rows),
    }
    made["a.zip"] = _zip(made)
    made["a.eml"] = _eml(made)
    return made


def damaged(data: bytes, seed: str, others: list[bytes]) -> bytes:
    """Return `data` with one to four faults; the same seed gives the same.

    Of archives and office files, half are damaged inside a member that is then packed again, as
    checksums would otherwise keep most damage from the readers.
    """
    chance = random.Random(seed)
    if data.startswith(b"PK") and chance.random() < 1 / 2:
        return _damaged_inside(data, chance, others)
    return _faulty(data, chance, others)


def _damaged_inside(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        hit = chance.choice(old.infolist())
        for member in old.infolist():
            part = old.read(member)
            new.writestr(member, _faulty(part, chance, others) if member is hit else part)
    return out.getvalue()


def _faulty(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        chance.choice(_FAULTS)(found, chance, chance.choice(others))
    return bytes(found)


def _flip(data: bytearray, chance: random.Random, _other: bytes) -> None:
    for _ in range(chance.choice((1, 3, 30))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _truncate(data: bytearray, chance: random.Random, _other: bytes) -> None:
    del data[chance.randint(0, len(data)) :]


def _remove(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randint(0, len(data))
    del data[at : at + chance.choice((1, 10, 500))]


def _splice(data: bytearray, chance: random.Random, other: bytes) -> None:
    begin, at = chance.randint(0, len(other)), chance.randint(0, len(data))
    data[at : at + chance.choice((0, 50))] = other[begin : begin + chance.choice((4, 100, 2_000))]


def _repeat(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = data[at : at + chance.choice((1, 20, 200))] * chance.choice((2, 50))


def _resize(data: bytearray, chance: random.Random, _other: bytes) -> None:
    """Write an extreme number near a mark that sizes and places follow, else anywhere."""
    mark = chance.choice(_SIZES)
    places = [at for at in range(len(data)) if data.startswith(mark, at)] or [0]
    at = chance.choice(places) + len(mark) + chance.randrange(44)
    data[at : at + 4] = chance.choice(_EDGES).to_bytes(4, "little")


_FAULTS: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (
    _flip,
    _truncate,
    _remove,
    _splice,
    _repeat,
    _resize,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the damaged files of one format ended; `refused` counts by kind."""

    files: int
    read: int
    refused: dict[str, int]
    crashed_children: int
    zygote_lost: int
    slowest_s: float


async def try_format(name: str, each: int, reader: SubprocessReader) -> Outcome:
    """Read `each` damaged files of the format. Raises whatever is no refusal in words."""
    files = originals()
    others = list(files.values())
    await reader.read(files[name], filename=name, media_type="")
    ends: Counter[str] = Counter()
    slowest, zygote, lost = 0.0, reader.parser_pid, 0
    for number in range(each):
        begun = time.monotonic()
        end = await _end(damaged(files[name], f"{name} {number}", others), name, reader)
        slowest = max(slowest, time.monotonic() - begun)
        ends[end] += 1
        lost += reader.parser_pid != zygote
        zygote = reader.parser_pid
    read, crashed = ends.pop("read", 0), ends.pop("crashed", 0)
    return Outcome(each, read, dict(ends), crashed, lost, round(slowest, 2))


async def _end(data: bytes, name: str, reader: SubprocessReader) -> str:
    try:
        reading = await reader.read(data, filename=name, media_type="")
    except Unreadable as error:
        return "crashed" if _BROKEN in error.message else error.kind
    assert reading.blocks
    return "read"


def _pdf() -> bytes:
    made = FPDF()
    made.set_font("helvetica", size=11)
    for number in range(3):
        made.add_page()
        made.multi_cell(0, 6, _RULE.format(number=number))
    return bytes(made.output())


def _docx(rows: list[list[object]]) -> bytes:
    made, out = docx.Document(), io.BytesIO()
    made.add_heading("Leave", 1)
    made.add_paragraph(_RULE)
    table = made.add_table(len(rows), len(rows[0]))
    for cells, row in zip(table.rows, rows, strict=True):
        for cell, value in zip(cells.cells, row, strict=True):
            cell.text = str(value)
    made.save(out)
    return out.getvalue()


def _pptx() -> bytes:
    made, out = pptx.Presentation(), io.BytesIO()
    for number in range(3):
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.placeholders[0].text_frame.text = f"Slide {number}"
        slide.placeholders[1].text_frame.text = _RULE
        slide.notes_slide.placeholders[1].text_frame.text = "A note."
    made.save(out)
    return out.getvalue()


def _xlsx(rows: list[list[object]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    book.create_sheet("More").append(["Sum", "=1+1"])
    book.save(out)
    return out.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("a.md", "a.pdf", "a.csv"):
            made.writestr(f"folder/{name}", files[name])
    return out.getvalue()


def _eml(files: dict[str, bytes]) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Änn <a@example.org>", "b@example.org", "Leave"
    made.set_content(_RULE)
    made.add_alternative(f"<p>{_RULE}</p>", subtype="html")
    made.add_attachment(files["a.pdf"], "application", "pdf", filename="a.pdf")
    made.add_attachment(files["a.csv"], "text", "csv", filename="ä.csv")
    return made.as_bytes()


async def _all(each: int, names: list[str]) -> Iterator[tuple[str, Outcome]]:
    async with SubprocessReader(LIMITS) as reader:
        outcomes = await asyncio.gather(*(try_format(name, each, reader) for name in names))
    return zip(names, outcomes, strict=True)


def main() -> None:
    """Try all formats and keep the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=500, help="damaged files a format")
    each = parser.parse_args().each
    begun = time.monotonic()
    outcomes = {name[2:]: asdict(o) for name, o in asyncio.run(_all(each, list(originals())))}
    # Of all descendants that were waited for, also the parser's children.
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    result = {
        "files_a_format": each,
        "seconds": round(time.monotonic() - begun),
        "largest_process_mb": round(most / 1e6),
        "memory_limit_mb": round(LIMITS.memory_bytes / 1e6),
        "formats": outcomes,
    }
    _RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    assert not any(outcome["zygote_lost"] for outcome in outcomes.values())


if __name__ == "__main__":
    main()
