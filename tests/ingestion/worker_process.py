"""A worker as a process of its own, quick to start, that tells its steps: for tests that kill it.

`python -m tests.ingestion.worker_process FOLDER QDRANT_URL` works on these until it is ended.
"""

import asyncio
import sys
from pathlib import Path

from tests.ingestion.conftest import make_place
from tests.qdrant_process import QdrantProcess

from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.worker import IngestionWorker, Pace, Tools
from info_assistant.observability.log import configure_logging
from info_assistant.resilience.tasks import BackgroundTasks

PACE = Pace(poll_s=0.1, reconcile_s=0.5, first_retry_s=0.05, last_retry_s=0.2, lease_s=3.0)


async def work(folder: Path, url: str) -> None:
    """Take documents in, for ever."""
    process = QdrantProcess(folder, port=int(url.rsplit(":", 1)[-1]))
    place = make_place(folder, process)
    tools = Tools(SubprocessReader(), place.embedder, place.embedder)
    worker = IngestionWorker(place.stores, place.library, tools, place.clock, PACE)
    async with BackgroundTasks({"ingestion": worker.run}):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("DEBUG")
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
