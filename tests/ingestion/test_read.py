"""Reading in a process apart: what goes well, what is refused, and what dies."""

# ruff: noqa: S311, ASYNC220 - chance makes mutants, and a process is killed on purpose.

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import docx
import psutil
import pypdf
import pytest
from fpdf import FPDF
from tests.conftest import allowed

from info_assistant.errors import Unreadable
from info_assistant.ingestion.parsing import ReplyDecoder, encode_reading
from info_assistant.ingestion.read import ReadLimits, SubprocessReader
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.resilience.priority import Priority

SENTENCE = "Employees may carry over 240 hours of annual leave."


@pytest.fixture
async def reader() -> AsyncIterator[SubprocessReader]:
    """A reader with the default limits."""
    async with SubprocessReader() as started:
        yield started


def pdf(text: str = SENTENCE, pages: int = 1) -> bytes:
    """Return a PDF that says `text` on each page."""
    made = FPDF()
    made.set_font("helvetica", size=11)
    for number in range(pages):
        made.add_page()
        made.multi_cell(0, 6, f"{text} This is page {number + 1}.")
    return bytes(made.output())


def word(text: str = SENTENCE) -> bytes:
    """Return a Word file that says `text`."""
    made, out = docx.Document(), io.BytesIO()
    made.add_heading("Leave", 1)
    made.add_paragraph(text)
    made.save(out)
    return out.getvalue()


async def refusal(reader: SubprocessReader, data: bytes, name: str) -> Unreadable:
    """Read what must be refused, and return the refusal."""
    with pytest.raises(Unreadable) as caught:
        await reader.read(data, filename=name, media_type="")
    return caught.value


def decoded(lines: Sequence[bytes]) -> Reading | None:
    """Return the reading in the lines of a reply."""
    decoder = ReplyDecoder()
    blocks = [block for line in lines for block in decoder.take(line)]
    facts = decoder.facts
    if facts is None:
        return None
    return Reading(tuple(blocks), facts.title, facts.pages, facts.notes, language=facts.language)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process does not set our events.
            await asyncio.sleep(0.01)


def children(pid: int) -> list[psutil.Process]:
    """Return the child processes of `pid`."""
    return psutil.Process(pid).children()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (f"# Leave\n\n{SENTENCE}".encode(), "leave.md"),
        (f"<h1>Leave</h1><p>{SENTENCE}".encode(), "leave.html"),
        (f"LEAVE\n\n{SENTENCE}".encode(), "leave.txt"),
        (f"Rule,Text\n1,{SENTENCE}\n".encode(), "leave.csv"),
        (pdf(), "leave.pdf"),
        (word(), "leave.docx"),
        (pdf(), "really-a-pdf.docx"),
        (word(), "really-word.pdf"),
        (f"<!doctype html><p>{SENTENCE}".encode(), "really-html.txt"),
        (SENTENCE.encode(), "really-text.pdf"),
        (SENTENCE.encode("utf-16"), "../../\0\n'; rm -rf ~ #.txt"),
        (SENTENCE.encode(), "x" * 10_000),
        (SENTENCE.encode(), ""),
    ],
)
async def test_each_format_is_read_whatever_its_name(
    reader: SubprocessReader, data: bytes, name: str
) -> None:
    """A file is recognised by what it holds; a wrong or hostile name changes nothing."""
    reading = await reader.read(data, filename=name, media_type="")
    assert SENTENCE in reading.text


async def test_what_cannot_be_read_is_refused_in_words(reader: SubprocessReader) -> None:
    """Empty, encrypted, damaged, foreign and wordless files each have their kind and advice."""
    locked = pypdf.PdfWriter(clone_from=io.BytesIO(pdf()))
    locked.encrypt("secret", algorithm="RC4-128")
    encrypted, blank = io.BytesIO(), FPDF()
    locked.write(encrypted)
    blank.add_page()
    blank.rect(10, 10, 50, 50, style="F")
    spreadsheet = io.BytesIO()
    with zipfile.ZipFile(spreadsheet, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    cases = [
        (b"", "a.md", "empty"),
        (b"---\nredirect_to: /b/\n---\n", "a.md", "empty"),
        (encrypted.getvalue(), "a.pdf", "encrypted"),
        (bytes(blank.output()), "scan.pdf", "no_text"),
        (b"%PDF-1.7\nnonsense", "a.pdf", "corrupt"),
        (word()[:2000], "a.docx", "corrupt"),
        (spreadsheet.getvalue(), "a.xlsx", "corrupt"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.png", "unsupported"),
        (bytes(random.Random(1).randbytes(5_000)), "a.txt", "unsupported"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "a.doc", "unsupported"),
    ]
    for data, name, kind in cases:
        error = await refusal(reader, data, name)
        assert (name, error.kind) == (name, kind)
        assert error.message.endswith(".")
        assert len(error.message) > 30


async def test_pages_without_text_are_noted() -> None:
    """A page that holds only a picture is named in the notes; the rest is read."""
    made = FPDF()
    made.set_font("helvetica", size=11)
    made.add_page()
    made.multi_cell(0, 6, SENTENCE)
    made.add_page()
    async with SubprocessReader() as reader:
        reading = await reader.read(bytes(made.output()), filename="a.pdf", media_type="")
    assert reading.pages == 2
    assert "page 2" in reading.notes[0]


async def test_bombs_and_giants_are_bounded() -> None:
    """A zip bomb, text beyond the limit, too many rows, pages or bytes end soon, as a refusal."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w:document>" + "a" * 400_000_000)
    limits = ReadLimits(
        max_characters=1_000_000,
        max_plain_characters=1_000_000,
        max_blocks=10_000,
        max_pages=3,
        max_bytes=60_000_000,
    )
    cases = [
        (bomb.getvalue(), "a.docx", {"limits", "corrupt"}),
        (b"word " * 10_000_000, "a.txt", {"limits"}),
        (b"a,b\n" * 200_000, "a.csv", {"limits"}),
        (pdf(pages=4), "a.pdf", {"limits"}),
        (b"x" * 60_000_001, "a.md", {"too_large"}),
    ]
    async with SubprocessReader(limits) as reader:
        for data, name, kinds in cases:
            begun = time.monotonic()
            assert (await refusal(reader, data, name)).kind in kinds
            assert time.monotonic() - begun < allowed(20)


async def test_the_parser_stands_back() -> None:
    """On a busy machine questions and the embedder come before reading."""
    async with SubprocessReader() as reader:
        await reader.read(b"Text.", filename="a.txt", media_type="")
        assert reader.parser_pid is not None
        ours = os.getpriority(os.PRIO_PROCESS, os.getpid())
        parsers = os.getpriority(os.PRIO_PROCESS, reader.parser_pid)
        assert parsers == min(ours + Priority.READING, 19)


async def test_memory_processor_time_and_patience_have_ends() -> None:
    """Whichever limit a document reaches, it is refused for it and its process is gone."""
    heavy = b"<p>a " * 3_000_000
    for limits in [
        ReadLimits(memory_bytes=300_000_000),
        ReadLimits(cpu_seconds=1),
        ReadLimits(wall_seconds=0.3),
    ]:
        async with SubprocessReader(limits) as reader:
            error = await refusal(reader, heavy, "a.html")
            assert error.kind == "limits"
            assert reader.parser_pid is not None
            assert not children(reader.parser_pid)
            small = await reader.read(b"Still here.", filename="b.txt", media_type="")
            assert small.text == "Still here."


async def test_a_killed_parser_is_replaced_and_the_document_read() -> None:
    """When the shared process dies, waiting documents are tried once more in a new one."""
    async with SubprocessReader() as reader:
        await reader.read(b"First.", filename="a.txt", media_type="")
        first = reader.parser_pid
        assert first is not None
        busy = asyncio.ensure_future(
            reader.read(b"<p>a </p>" * 50_000, filename="a.html", media_type="")
        )
        await until(lambda: bool(children(first)))
        child = children(first)[0]
        os.kill(first, signal.SIGKILL)
        reading = await busy
        assert len(reading.blocks) == 50_000
        assert reader.parser_pid != first
        await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_a_document_whose_process_dies_is_at_fault() -> None:
    """A child that crashes refuses its own document only; the shared process goes on."""
    async with SubprocessReader() as reader:
        await reader.read(b"First.", filename="a.txt", media_type="")
        parser = reader.parser_pid
        assert parser is not None
        busy = asyncio.ensure_future(
            reader.read(b"<p>a </p>" * 50_000, filename="a.html", media_type="")
        )
        await until(lambda: bool(children(parser)))
        children(parser)[0].send_signal(signal.SIGSEGV)
        with pytest.raises(Unreadable) as caught:
            await busy
        assert caught.value.kind == "corrupt"
        assert reader.parser_pid == parser


async def test_a_cancelled_read_leaves_no_process() -> None:
    """Who stops waiting for a document stops its process too."""
    async with SubprocessReader() as reader:
        await reader.read(b"First.", filename="a.txt", media_type="")
        parser = reader.parser_pid
        assert parser is not None
        busy = asyncio.ensure_future(
            reader.read(b"<p>a </p>" * 100_000, filename="a.html", media_type="")
        )
        await until(lambda: bool(children(parser)))
        busy.cancel()
        with pytest.raises(asyncio.CancelledError):
            await busy
        assert not children(parser)


async def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    """After kill -9 of the process that reads, its parsers end by themselves."""
    script = tmp_path / "reads.py"
    script.write_text(
        "import asyncio\n"
        "from info_assistant.ingestion.read import SubprocessReader\n"
        "async def main():\n"
        "    reader = SubprocessReader()\n"
        "    await reader.read(b'x', filename='a.txt', media_type='')\n"
        "    print(reader.parser_pid, flush=True)\n"
        "    await reader.read(b'<p>a </p>' * 2_000_000, filename='a.html', media_type='')\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        parser = psutil.Process(int(process.stdout.readline()))
        await until(lambda: bool(parser.children()))
        (child,) = parser.children()
        # Only a child that has the whole file would otherwise go on alone.
        await until(lambda: child.cpu_times().user > 0.5)
        family = [parser, child]
        process.kill()
        process.wait()
    await until(lambda: not any(member.is_running() for member in family))


async def test_the_event_loop_is_never_blocked(reader: SubprocessReader) -> None:
    """While a large file is read, other work on the loop goes on."""
    await reader.read(b"First.", filename="a.txt", media_type="")
    busy = asyncio.ensure_future(
        reader.read(b"<p>some words </p>" * 30_000, filename="a.html", media_type="")
    )
    longest = 0.0
    while not busy.done():
        begun = time.monotonic()
        await asyncio.sleep(0.005)
        longest = max(longest, time.monotonic() - begun)
    assert len((await busy).blocks) == 30_000
    # Turning the reply into blocks shares the interpreter with the loop, hence not less.
    assert longest < allowed(0.5)


async def test_parsers_cannot_open_sockets_or_start_programs() -> None:
    """The confinement that parsers run in refuses the network and new programs."""
    code = (
        "import socket, subprocess\n"
        "from info_assistant.ingestion.confinement import close_off\n"
        "print(close_off())\n"
        "for act in (socket.socket, lambda: subprocess.run(['true'])):\n"
        "    try:\n"
        "        act(); print('done')\n"
        "    except PermissionError:\n"
        "        print('refused')\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if out.startswith(b"False"):
        pytest.skip("This machine's kernel or processor has no system-call filter for us.")
    assert out.split() == [b"True", b"refused", b"refused"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pdf(pages=3), "a.pdf"),
        (word(), "a.docx"),
        (f"---\ntitle: x\n---\n# A\n\n|a|b|\n|-|-|\n|{SENTENCE}|c|\n{{% x %}}".encode(), "a.md"),
        (f"<table><tr><th>a<td rowspan=2>{SENTENCE}</table><ul><li>x".encode(), "a.html"),
        (f'a;b\n1;"{SENTENCE}"\n'.encode("utf-16"), "a.csv"),
    ],
)
async def test_damaged_bytes_never_do_worse_than_a_refusal(
    reader: SubprocessReader, data: bytes, name: str
) -> None:
    """Two hundred mutants of each format give a reading or an Unreadable, soon."""
    chance = random.Random(20261123)
    outcomes = {"read": 0, "refused": 0}

    async def mutant(seed: int) -> None:
        mine = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(mine.randint(1, 30)):
            damaged[mine.randrange(len(damaged))] = mine.randrange(256)
        if mine.random() < 0.2:
            del damaged[mine.randrange(len(damaged)) :]
        try:
            reading = await reader.read(bytes(damaged), filename=name, media_type="")
            assert reading.blocks
            outcomes["read"] += 1
        except Unreadable as error:
            outcomes["refused"] += bool(error.message)

    async with asyncio.timeout(50):
        async with asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(mutant(chance.randrange(1 << 30)))
    assert sum(outcomes.values()) == 200


def test_a_reading_survives_the_way_between_processes() -> None:
    """What was parsed arrives unchanged, and a reply of any other shape is not trusted."""
    reading = Reading(
        (
            Block(BlockKind.HEADING, "Größe “A”", 1, 2),
            Block(BlockKind.TABLE_ROW, "a | b", 3, 0, "X | Y"),
        ),
        "T", 3, ("note",),
    )  # fmt: skip
    assert decoded(list(encode_reading(reading))) == reading
    many = Reading(tuple(Block(BlockKind.TABLE_ROW, f"{n}", None, 0, "H") for n in range(2_000)))
    lines = list(encode_reading(many))
    assert len(lines) > 2
    assert decoded(lines) == many
    replies: list[object] = [{}, [], ["blocks", [], [[1]]], ["blocks", [""]], ["end"], ["else"], 1]
    for reply in replies:
        with pytest.raises(ValueError, match=r"."):
            decoded([json.dumps(reply).encode()])


async def test_a_file_on_disk_is_read_without_passing_through_us(
    reader: SubprocessReader, tmp_path: Path
) -> None:
    """A path is opened by us and read by the child; its size counts against the limit."""
    path = tmp_path / "leave.txt"
    path.write_text(SENTENCE)
    assert (await reader.read(path, filename="leave.txt", media_type="")).text == SENTENCE
    os.truncate(path, ReadLimits().max_bytes + 1)
    with pytest.raises(Unreadable) as caught:
        await reader.read(path, filename="leave.txt", media_type="")
    assert caught.value.kind == "too_large"


async def test_how_far_the_reading_is_is_told_while_it_goes_on(reader: SubprocessReader) -> None:
    """Pages done of how many are told, in order, before the reading is there."""
    told: list[tuple[int, int, str]] = []
    reading = await reader.read(
        pdf(pages=400),
        filename="a.pdf",
        media_type="",
        on_progress=lambda *progress: told.append(progress),
    )
    assert reading.pages == 400
    assert told
    assert told == sorted(told)
    assert {(total, unit) for _, total, unit in told} == {(400, "pages")}
