"""Real Redis servers as processes of their own, for tests that stop, demote and wipe them."""

import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from tests.conftest import unused_port

from info_assistant.cli.local_redis import server
from info_assistant.stores.redis.host import Timing

DEADLINE_S = 10.0
PATIENT = Timing(connect_s=DEADLINE_S, answer_s=DEADLINE_S, pool_s=DEADLINE_S)
"""For tests in which a busy machine must not look like an outage; who is gone refuses at once."""


@dataclass
class RedisProcess:
    """A Redis on a port of loopback; `arguments` are the server's own options."""

    folder: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=unused_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = server()
        if program is None:
            pytest.skip("no Redis for this machine: neither Valkey's wheel nor redis-server")
        self.folder.mkdir(exist_ok=True)
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, *place, "--save", "", *self.arguments], stdout=log, stderr=log
            )
        pause, left = Event(), int(DEADLINE_S / 0.02)
        while not self._listens():
            left -= 1
            assert left, "Redis did not answer in time"
            pause.wait(0.02)

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            self.process = None

    def tell(self, *words: str) -> bytes:
        """Send one command over a connection of its own and return the raw reply."""
        parts = [b"*%d\r\n" % len(words)]
        parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in map(str.encode, words)]
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as connection:
            connection.sendall(b"".join(parts))
            return connection.recv(65536)

    def _listens(self) -> bool:
        try:
            return not self.tell("PING").startswith(b"-LOADING")
        except OSError:
            return False
