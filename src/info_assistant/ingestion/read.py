"""Turns files into text in a process apart, within limits of memory and time."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from info_assistant.errors import IngestionUnavailable, ReaderBroken, Unreadable
from info_assistant.ingestion.parsing import (
    LONGEST_MESSAGE,
    OUT_OF_MEMORY,
    ParseLimits,
    ParseRequest,
    ReplyDecoder,
)
from info_assistant.ingestion.replies import Collected, Reply
from info_assistant.model.reading import Reading, ReadingFacts
from info_assistant.ports import BlockSink

_MODULE = "info_assistant.ingestion.parser_process"
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_REAP_SECONDS = 5.0
_CHUNK = 1 << 16
_BYTES_PER_CHARACTER = 8
_BYTES_PER_BLOCK = 64
_STARVED_SHARE = 3
_SMALL_SHARE = 8
_TOO_LONG = (
    "Reading this file took longer than {seconds:.0f} seconds and was stopped. "
    "Split it into parts or save it anew."
)
_TOO_MUCH_MEMORY = (
    "Reading this file needed more memory than is allowed. Split it into parts or save it anew."
)
_CRASHED = (
    "This file breaks the program that reads it, so it is probably damaged. "
    "Save it again or send another copy."
)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What reading one document may use and become, and how many are read at a time.

    Plain text may become more than other formats, as it costs less. The time by the clock is long
    because the parser stands back behind everything else; it is for parsers that hang.
    """

    max_bytes: int = 256 * 1024 * 1024
    memory_bytes: int = 2 * 1024**3
    cpu_seconds: int = 120
    wall_seconds: float = 600.0
    max_characters: int = 20_000_000
    max_blocks: int = 250_000
    max_pages: int = 5_000
    max_plain_characters: int = 256 * 1024 * 1024
    max_plain_blocks: int = 2_000_000
    concurrency: int = 2


class _ParserEnded(Exception):
    """The process that all documents share ended; that is not this document's fault."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a child ended, and the most memory it held."""

    status: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to parse: its bytes, or the descriptor through which the child reads it itself."""

    data: bytes
    descriptors: tuple[int, ...]
    size: int


class _Parser:
    """A running zygote, with the jobs that wait for word of their child."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self.process = process
        self.control = control
        self.alive = True
        self.endings: dict[int, asyncio.Future[_Ending]] = {}
        asyncio.get_running_loop().add_reader(control, self._on_message)

    def _on_message(self) -> None:
        """Pass on how a child ended; when the zygote itself ended, tell every job that waits."""
        try:
            message = self.control.recv(LONGEST_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self.let_go()
            return
        _, job, status, memory = message.split()
        waiting = self.endings.get(int(job))
        if waiting is not None and not waiting.done():
            waiting.set_result(_Ending(int(status), int(memory)))

    def let_go(self) -> None:
        """Stop listening; every job that still waits learns that the zygote ended."""
        if not self.alive:
            return
        self.alive = False
        asyncio.get_running_loop().remove_reader(self.control)
        self.control.close()
        for waiting in self.endings.values():
            if not waiting.done():
                waiting.set_exception(_ParserEnded())
                # Marked as seen: a job that gave up no longer looks at it.
                waiting.exception()

    async def end(self) -> None:
        """End the zygote, its children with it, and wait until it is gone."""
        if self.alive:
            # Before the socket closes: killing a process that ends by itself would reap it twice.
            with suppress(ProcessLookupError):
                self.process.kill()
        self.let_go()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self.process.wait()


class SubprocessReader:
    """Reads documents, each in a process forked for it from one that has the parsers loaded.

    The parent process is started with the first document and again should it end. Use
    `await close()`, or `async with`, to end it; it ends with us in any case.
    """

    def __init__(self, limits: ReadLimits | None = None) -> None:
        """Take the limits; nothing is started yet."""
        self._limits = limits or ReadLimits()
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self._starting = asyncio.Lock()
        self._parser: _Parser | None = None
        self._last_job = 0

    async def __aenter__(self) -> Self:
        """Return the reader."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the parser."""
        await self.close()

    @property
    def parser_pid(self) -> int | None:
        """The process that all parsing children come from, if it runs."""
        return self._parser.process.pid if self._parser else None

    async def read(
        self,
        data: bytes | Path,
        *,
        filename: str,
        media_type: str,
        on_progress: Callable[[int, int, str], None] | None = None,
    ) -> Reading:
        """Read a file whole into memory; for what is known to be small. Raises as `read_into`."""
        sink = Collected()
        facts = await self.read_into(
            sink, data, filename=filename, media_type=media_type, on_progress=on_progress
        )
        return Reading(
            tuple(sink.blocks), facts.title, facts.pages, facts.notes, language=facts.language
        )

    async def read_into(
        self,
        sink: BlockSink,
        data: bytes | Path,
        *,
        filename: str,
        media_type: str,
        on_progress: Callable[[int, int, str], None] | None = None,
    ) -> ReadingFacts:
        """Read a file, from memory or from disk, so that neither it nor its text is in ours.

        `on_progress` learns a few times a second how many pages, slides, rows or files of how many
        are read. The time that `sink` takes does not count against the document. Raises Unreadable
        with the reason in words, IngestionUnavailable, and what `sink` raises.
        """
        with ExitStack() as opened:
            async with self._slots:
                source = await asyncio.to_thread(_source, data, opened)
                self._require_bytes(source.size)
                request = ParseRequest(filename, media_type, source.size, self._parse_limits())
                for _ in range(2):
                    sink.begin()
                    with suppress(_ParserEnded):
                        reply = Reply(ReplyDecoder(on_progress), sink)
                        return await self._read_once(source, request, reply)
        raise IngestionUnavailable(
            "The program that reads documents was stopped from outside, twice. "
            "The document is kept and can be read later.",
            retry_after_s=30.0,
        )

    async def close(self) -> None:
        """End the parser and whatever it is still parsing."""
        parser, self._parser = self._parser, None
        if parser is not None:
            await parser.end()

    def _require_bytes(self, size: int) -> None:
        if size > self._limits.max_bytes:
            raise Unreadable(
                "too_large",
                f"This file has {size / 1e6:,.0f} MB; at most "
                f"{self._limits.max_bytes / 1e6:,.0f} MB are read. Split it into parts.",
            )

    async def _read_once(
        self, source: _Source, request: ParseRequest, reply: Reply
    ) -> ReadingFacts:
        parser = await self._running()
        self._last_job += 1
        job = self._last_job
        ours, theirs = socket.socketpair()
        ended: asyncio.Future[_Ending] = asyncio.get_running_loop().create_future()
        parser.endings[job] = ended
        try:
            with theirs:
                _send(parser.control, b"job %d" % job, [theirs.fileno(), *source.descriptors])
            try:
                async with asyncio.timeout(self._limits.wall_seconds) as patience:
                    reply.patience = patience
                    sound = await self._converse(ours, source, request, reply)
                    ending = await ended
            except TimeoutError:
                raise ReaderBroken(
                    "limits", _TOO_LONG.format(seconds=self._limits.wall_seconds)
                ) from None
            return self._understood(reply.decoder.facts if sound else None, ending)
        finally:
            ours.close()
            if not ended.done():
                await self._kill(parser, job, ended)
            parser.endings.pop(job, None)

    async def _converse(
        self,
        connection: socket.socket,
        source: _Source,
        request: ParseRequest,
        reply: Reply,
    ) -> bool:
        """Send the file and pass on what comes back until the child closes its side.

        Return whether all of it was understood. Raises Unreadable if the child refuses.
        """
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        # A child that ended early leaves its side closed; its status says why.
        with suppress(BrokenPipeError, ConnectionResetError):
            await loop.sock_sendall(connection, request.encode())
            await loop.sock_sendall(connection, source.data)
        most = self._limits.max_plain_characters * _BYTES_PER_CHARACTER
        most += self._limits.max_plain_blocks * _BYTES_PER_BLOCK
        begun = bytearray()
        with suppress(ConnectionResetError):
            while chunk := await loop.sock_recv(connection, _CHUNK):
                most -= len(chunk)
                if most < 0:
                    raise Unreadable("limits", _TOO_MUCH_MEMORY)
                *lines, rest = chunk.split(b"\n")
                for line in lines:
                    if not await reply.take(bytes(begun) + line):
                        return False
                    begun.clear()
                begun += rest
        return not begun

    def _parse_limits(self) -> ParseLimits:
        limits = self._limits
        return ParseLimits(
            limits.memory_bytes,
            limits.cpu_seconds,
            limits.max_characters,
            limits.max_blocks,
            limits.max_pages,
            limits.max_plain_characters,
            limits.max_plain_blocks,
        )

    def _understood(self, facts: ReadingFacts | None, ending: _Ending) -> ReadingFacts:
        """Return what a child that ended well told. Raises ReaderBroken otherwise."""
        code = os.waitstatus_to_exitcode(ending.status)
        if (
            code == -signal.SIGKILL
            and ending.memory_bytes * _SMALL_SHARE < self._limits.memory_bytes
        ):
            # Nobody kills a child this small for what it did: somebody did it from outside.
            raise _ParserEnded
        if code == -signal.SIGXCPU:
            raise ReaderBroken("limits", _TOO_LONG.format(seconds=self._limits.cpu_seconds))
        # Foreign code that gets no more memory fails in its own way, often by crashing.
        starved = ending.memory_bytes * _STARVED_SHARE > self._limits.memory_bytes
        if code in {OUT_OF_MEMORY, -signal.SIGKILL} or (code != 0 and starved):
            raise ReaderBroken("limits", _TOO_MUCH_MEMORY)
        if code != 0 or facts is None:
            raise ReaderBroken("corrupt", _CRASHED)
        return facts

    async def _kill(self, parser: _Parser, job: int, ended: "asyncio.Future[_Ending]") -> None:
        """End a child that is no longer wanted; a parser that does not do it is ended itself."""
        try:
            _send(parser.control, b"kill %d" % job, [])
            async with asyncio.timeout(_REAP_SECONDS):
                await ended
        except _ParserEnded:
            return
        except TimeoutError:
            await parser.end()

    async def _running(self) -> _Parser:
        """Return the parser, started if need be."""
        async with self._starting:
            if self._parser is not None and not self._parser.alive:
                parser, self._parser = self._parser, None
                await parser.end()
            if self._parser is None:
                self._parser = await _start()
            return self._parser


async def _start() -> _Parser:
    """Start a zygote and wait until its parsers are loaded. Raises IngestionUnavailable."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                str(os.getpid()),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
            )
    except OSError as exc:
        ours.close()
        raise IngestionUnavailable(
            "The program that reads documents cannot be started. Check memory and the installation."
        ) from exc
    try:
        async with asyncio.timeout(_START_SECONDS):
            greeting = await asyncio.get_running_loop().sock_recv(ours, LONGEST_MESSAGE)
    except (TimeoutError, ConnectionError):
        greeting = b""
    parser = _Parser(process, ours)
    if greeting != b"ready":
        await parser.end()
        raise IngestionUnavailable(
            "The program that reads documents does not start. Check memory and the installation."
        )
    return parser


def _source(data: bytes | Path, opened: ExitStack) -> _Source:
    """Return what to parse; a file stays open until `opened` closes."""
    if not isinstance(data, Path):
        return _Source(data, (), len(data))
    file = opened.enter_context(data.open("rb"))
    return _Source(b"", (file.fileno(),), os.fstat(file.fileno()).st_size)


def _send(control: socket.socket, message: bytes, descriptors: list[int]) -> None:
    try:
        if descriptors:
            socket.send_fds(control, [message], descriptors)
        else:
            control.send(message)
    except OSError as exc:
        raise _ParserEnded from exc
