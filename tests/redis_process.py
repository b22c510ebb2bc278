"""Real Redis servers as processes of their own, for tests that stop, demote and wipe them."""

import pytest
from benchmarks.harness.valkey import Valkey

from info_assistant.cli.local_redis import server


class RedisProcess(Valkey):
    """A Redis on a port of loopback; a test skips on a machine that has none."""

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        if server() is None:
            pytest.skip("no Redis for this machine: neither Valkey's wheel nor redis-server")
        super().start()
