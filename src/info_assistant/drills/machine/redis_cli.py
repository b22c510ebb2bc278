"""A `redis-cli` for pods: no wheel brings the real one. It speaks to the real server of a pod.

Its words are those of redis-cli where the output is no terminal: one value a line, errors end with
code 0 unless `-e` is given.
"""

import shlex
import socket
from collections.abc import Callable, Sequence
from io import BufferedReader

from info_assistant.drills.cluster.documents import name_of
from info_assistant.drills.cluster.programs import Ended, Execution

_TIMEOUT_S = 5.0


class _Failed(Exception):
    """The server has answered with an error."""


def redis_cli(port_of: Callable[[str], int]) -> Callable[[Execution], Ended]:
    """Return the program; `port_of` gives a pod's port by its name."""

    def run(execution: Execution) -> Ended:
        words = list(execution.command[1:])
        strict = "-e" in words
        words = [word for word in words if word != "-e"]
        lines = [words] if words else [shlex.split(each) for each in _input(execution)]
        return _answered(
            port_of(name_of(execution.pod)), [each for each in lines if each], strict=strict
        )

    return run


def tell(port: int, *words: str) -> None:
    """Give a server a command. Raises RuntimeError with what it said against it."""
    ended = _answered(port, [words], strict=True)
    if ended.code:
        raise RuntimeError(f"{words}: {(ended.stdout + ended.stderr).decode()}")


def _input(execution: Execution) -> Sequence[str]:
    return execution.stdin.decode(errors="replace").splitlines()


def _answered(port: int, commands: Sequence[Sequence[str]], *, strict: bool) -> Ended:
    said, code = [], 0
    try:
        with (
            socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection,
            connection.makefile("rb") as replies,
        ):
            for command in commands:
                connection.sendall(_request(command))
                try:
                    said += _reply(replies)
                except _Failed as failed:
                    said.append(str(failed))
                    code = 1 if strict else 0
    except (OSError, EOFError) as error:
        where = f"127.0.0.1:{port}"
        return Ended(stderr=f"Could not connect to Redis at {where}: {error}\n".encode(), code=1)
    return Ended("".join(f"{line}\n" for line in said).encode(), code=code)


def _request(words: Sequence[str]) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in map(str.encode, words)]
    return b"".join(parts)


def _reply(replies: BufferedReader) -> list[str]:
    """Return the lines of one reply. Raises _Failed, and EOFError where there is none."""
    line = replies.readline()
    if not line:
        raise EOFError("the connection was closed")
    kind, rest = line[:1], line[1:].rstrip(b"\r\n").decode(errors="replace")
    if kind == b"-":
        raise _Failed(rest)
    if kind == b"$":
        size = int(rest)
        return (
            [replies.read(size + 2)[:-2].decode(errors="replace").rstrip()] if size >= 0 else [""]
        )
    if kind == b"*":
        return [line for _ in range(max(0, int(rest))) for line in _reply(replies)]
    return [rest]
