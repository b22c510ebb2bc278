"""Real Redis servers as processes of their own, for tests that stop, demote and wipe them."""

import pytest
from benchmarks.harness.valkey import Valkey

from info_assistant.cli.local_redis import server
from info_assistant.stores.redis.host import Timing

DEADLINE_S = 30.0
PATIENT = Timing(connect_s=DEADLINE_S, answer_s=DEADLINE_S, pool_s=DEADLINE_S)
"""For tests in which a busy machine must not look like an outage; who is gone refuses at once."""


class RedisProcess(Valkey):
    """A Redis on a port of loopback; a test skips on a machine that has none."""

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        if server() is None:
            pytest.skip("no Redis for this machine: neither Valkey's wheel nor redis-server")
        super().start()
