"""A backend in a process of its own that begins answers and never ends them, so that it is killed.

`python -m tests.api.leader_process REDIS_URL` prints where it listens.
"""

import asyncio
import sys
from dataclasses import replace

from tests.api.conftest import EVENTS, ScriptedPipeline, serve, services_of
from tests.api.shelf import ShelfOfDocuments
from tests.api.test_audit import ByName
from tests.redis_process import PATIENT

from info_assistant.observability.log import configure_logging
from info_assistant.stores.redis import RedisConnection, SharedEventLog


async def lead(url: str) -> None:
    """Serve until killed."""
    redis = RedisConnection([url], PATIENT)
    await redis.look()
    events = SharedEventLog(redis, "leader", usable=lambda: redis.known)
    pipeline = ScriptedPipeline((*EVENTS[:3], asyncio.Event()))
    services = replace(
        services_of(pipeline, ShelfOfDocuments({})),
        authenticator=ByName(),
        events=events,
        tasks={"redis": redis.run, "events": events.run},
    )
    async with serve(services) as backend:
        sys.stdout.write(f"{backend.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("ERROR", sys.stderr)
    asyncio.run(lead(sys.argv[1]))
