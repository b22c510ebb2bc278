"""The process that parses documents: `python -m info_assistant.ingestion.parser_process`.

It loads every parser once, then forks for each document, so that a document costs milliseconds and
what it does to its process ends with it. The parent sends, over the socket on descriptor 0, one
message for each job with a socket for the file and the reply, and perhaps the open file itself;
`kill <job>` ends one. We
answer `ended <job> <wait status> <most memory>`. Both sides' end is the other's end.
"""

import array
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from info_assistant.errors import Unreadable
from info_assistant.ingestion.confinement import close_off, limit
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.parsing import (
    LONGEST_MESSAGE,
    OUT_OF_MEMORY,
    ParseRequest,
    decode_request,
    encode_progress,
    encode_reading,
    encode_unreadable,
)
from info_assistant.resilience.parentage import end_with_parent
from info_assistant.resilience.priority import Priority, stand_back

_MOST_DESCRIPTORS = 2
_TELL_SECONDS = 0.2
_RECOGNITION_SHARE = 0.6
_BROKE = 78


def main() -> None:
    """Serve until the parent ends."""
    end_with_parent(int(sys.argv[1]))
    close_off()
    stand_back(Priority.READING)
    control = socket.socket(fileno=os.dup(0))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C reaches the whole group of processes; the parent decides when we end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    control.send(b"ready")
    _Zygote(control, wake_read).serve()


class _Zygote:
    """Forks, kills and reaps the children, one for each job."""

    def __init__(self, control: socket.socket, wake: int) -> None:
        self._control = control
        self._wake = wake
        self._jobs: dict[int, int] = {}

    def serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._obey():
                os._exit(0)

    def _obey(self) -> bool:
        """Carry out one message; return False when the parent is gone."""
        space = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
        message, ancillary, _, _ = self._control.recvmsg(LONGEST_MESSAGE, space)
        if not message:
            return False
        word, job = message.split()
        if word == b"kill":
            self._kill(int(job))
        else:
            descriptors = array.array("i")
            descriptors.frombytes(ancillary[0][2])
            self._start(int(job), list(descriptors))
        return True

    def _kill(self, job: int) -> None:
        for pid, running in self._jobs.items():
            if running == job:
                # Not yet reaped, so that the number still belongs to our child.
                os.kill(pid, signal.SIGKILL)

    def _start(self, job: int, descriptors: Sequence[int]) -> None:
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._control.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _child(me, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._jobs[pid] = job

    def _reap(self) -> None:
        while self._jobs:
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            job = self._jobs.pop(pid)
            self._control.send(b"ended %d %d %d" % (job, status, used.ru_maxrss * 1024))


def _child(parent: int, descriptor: int, file: int | None = None) -> None:
    """Parse one document, which comes over the connection or as an open file, and end."""
    code = _BROKE
    try:
        end_with_parent(parent)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        connection = socket.socket(fileno=descriptor)
        with connection.makefile("rb") as incoming:
            request = decode_request(incoming.readline())
            data = incoming.read(request.size) if file is None else _contents(file)
        if len(data) == request.size:
            for line in _reply(data, request, connection):
                connection.sendall(line)
        connection.close()
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        # Nothing of the zygote that we were copied from may run on.
        os._exit(code)


def _contents(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        # An earlier try may have read from the same open file.
        file.seek(0)
        return file.read()


def _reply(data: bytes, request: ParseRequest, connection: socket.socket) -> Iterable[bytes]:
    limits = request.limits
    # The document's own: what the parsers' libraries occupy already does not count.
    limit(_occupied() + limits.memory_bytes, limits.cpu_seconds)
    try:
        reading = read_file(
            data,
            filename=request.filename,
            media_type=request.media_type,
            conditions=Conditions(
                limits.max_pages,
                limits.max_characters,
                limits.max_blocks,
                limits.max_plain_characters,
                limits.max_plain_blocks,
                _RECOGNITION_SHARE * limits.cpu_seconds,
                _Teller(connection).tell,
            ),
        )
        return encode_reading(reading)
    except Unreadable as error:
        return [encode_unreadable(error)]
    except RecursionError:
        return [
            encode_unreadable(
                Unreadable(
                    "limits", "This file nests too deeply to be read. Simplify it and resend it."
                )
            )
        ]


class _Teller:
    """Passes on how far the reading is, now and then."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._next = 0.0

    def tell(self, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_SECONDS
            self._connection.sendall(encode_progress(done, total, unit))


def _occupied() -> int:
    """Return the bytes of address space in use, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
