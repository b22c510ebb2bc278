"""Commands of a runbook in a shell of their own: bounded in time and output, none left behind."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Protocol

LONGEST_OUTPUT = 64_000
"""Bytes of output that are kept: the first half and the last half of it."""

NOT_THERE = 127
"""The exit code of a shell for a program that it does not find."""

_CHANGES_BASH = {"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "CDPATH", "GLOBIGNORE", "IFS"}
"""Variables that make bash read files, or read its text otherwise than our grammar does."""

_GRACE_S = 3.0
"""How long a command has between being asked to end and being ended."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command; `exit_code` is None where its time was up."""

    exit_code: int | None
    output: str
    seconds: float


class Shell(Protocol):
    """Runs the text of a command."""

    def run(self, text: str, timeout_s: float) -> Result:
        """Run it to its end, or end it with all it has started when `timeout_s` is up."""
        ...


class Bash:
    """Runs commands in bash, without its start-up files, each in a session of its own."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Give every command these variables, without those by which they could change bash."""
        self._variables = {
            name: value
            for name, value in variables.items()
            if name not in _CHANGES_BASH and not name.startswith("BASH_FUNC_")
        }

    def run(self, text: str, timeout_s: float) -> Result:
        """Run a command; where there is no bash, that is its failure."""
        began = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603  It is what this engine is for; see `runner`.
                ["bash", "--noprofile", "--norc", "-c", text],  # noqa: S607  As PATH has it.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._variables,
                start_new_session=True,
            )
        except OSError as error:
            return Result(NOT_THERE, f"bash cannot be started: {error.strerror}", 0.0)
        kept = _Kept()
        with process:
            try:
                ended = _read(process, kept, began + timeout_s)
            except BaseException:
                _end(process)
                raise
            if not ended:
                _end(process)
            code = process.returncode if ended else None
            return Result(code, kept.text(), time.monotonic() - began)


class _Kept:
    """The beginning and the end of an output of any length."""

    def __init__(self) -> None:
        self._first = bytearray()
        self._last = bytearray()
        self._left_out = 0

    def add(self, data: bytes) -> None:
        room = max(0, LONGEST_OUTPUT // 2 - len(self._first))
        self._first += data[:room]
        self._last += data[room:]
        over = len(self._last) - LONGEST_OUTPUT // 2
        if over > 0:
            self._left_out += over
            del self._last[:over]

    def text(self) -> str:
        middle = f"\n… {self._left_out} bytes left out …\n".encode() if self._left_out else b""
        return bytes(self._first + middle + self._last).decode("utf-8", errors="replace")


def _read(process: "subprocess.Popen[bytes]", kept: _Kept, deadline: float) -> bool:
    """Read all output; return whether the command ended before its time was up."""
    pipe = _pipe(process)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            if not selector.select(rest):
                continue
            data = os.read(pipe.fileno(), 65536)
            if not data:
                break
            kept.add(data)
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _pipe(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    if process.stdout is None:  # pragma: no cover - It was asked for above.
        raise ValueError("the command has no output to read")
    return process.stdout


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the command and all that it has started, those that outlive it too."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
