"""Real Redis servers as processes of their own, which are stopped, paused, demoted and wiped."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.processes import await_true

from info_assistant.cli.local_redis import server
from info_assistant.drills.ports import unused_port

_DEADLINE_S = 30.0
_REPLY = 1 << 16


@dataclass
class Valkey:
    """A Redis on a port of loopback; `arguments` are the server's own options.

    `password` is what `tell` says first, where it has been given one.
    """

    folder: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=unused_port)
    process: "subprocess.Popen[bytes] | None" = None
    password: str = ""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers. Raises RuntimeError where there is none."""
        program = server()
        if program is None:
            raise RuntimeError("no Redis for this machine: neither Valkey's wheel nor redis-server")
        self.folder.mkdir(parents=True, exist_ok=True)
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, *place, "--save", "", *self.arguments], stdout=log, stderr=log
            )
        await_true(self._listens, _DEADLINE_S, "Redis answers")

    def stop(self) -> None:
        """Kill it, paused or not."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_DEADLINE_S)
            self.process, self.password = None, ""

    def pause(self) -> None:
        """Let it do nothing; connections to it stand, and new ones are queued by the kernel."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def tell(self, *words: str) -> bytes:
        """Send one command over a connection of its own and return the raw reply."""
        with socket.create_connection(("127.0.0.1", self.port), _DEADLINE_S) as connection:
            if self.password:
                connection.sendall(_request("AUTH", self.password))
                connection.recv(_REPLY)
            connection.sendall(_request(*words))
            return connection.recv(_REPLY)

    def _listens(self) -> bool:
        try:
            return not self.tell("PING").startswith(b"-LOADING")
        except OSError:
            return False


def _request(*words: str) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in map(str.encode, words)]
    return b"".join(parts)
