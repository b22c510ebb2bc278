"""Companion: the product's whole way in, from the uploaded bytes to `ready`, on fresh stores."""

import asyncio
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.corpus import File, corpus
from benchmarks.harness.processes import KEY, family_cpu_s, reply, requests, thread_cpu_ns

from info_assistant.errors import VectorStoreUnavailable
from info_assistant.ingestion.intake import Intake, Upload
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.ingestion.worker import IngestionWorker, Tools
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.observability.log import configure_logging
from info_assistant.ports import DocumentFilter
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.garbage import set_aside_what_stays
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.qdrant import QdrantStore

_LOOK_S = 0.25
_UNDER_WAY = (
    DocumentState.ACCEPTED,
    DocumentState.INTERRUPTED,
    DocumentState.READING,
    DocumentState.INDEXING,
)
"""The states of a document that is on its way, in its direction: asked in another order, a
document could slip past between two questions."""


@dataclass(frozen=True, slots=True)
class Machinery:
    """What a running backend keeps: the model and the parser are warm."""

    embedder: MiniLmEmbedder
    reader: SubprocessReader


async def take_in(files: tuple[File, ...], machinery: Machinery, folder: str, url: str) -> int:
    """Upload every file and wait until all have come to an end; return the passages written."""
    blobs = ObjectBlobs(folder)
    qdrant = QdrantStore(url, KEY, machinery.embedder.identity)
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    clock = SystemClock()
    tools = Tools(machinery.reader, machinery.embedder, machinery.embedder)
    visibility = VisibilityOverlay(BlobChangeFeed(blobs, clock), clock)
    worker = IngestionWorker(stores, Library(stores, visibility, clock), tools, clock)
    intake = Intake(stores, visibility, clock, on_accepted=worker.notify)
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(worker.run())
        for file in files:
            await intake.accept(LOCAL_OPERATOR, Upload(file.data, file.source, file.source))
        while await _any_under_way(stores):  # noqa: ASYNC110  It is in another process.
            await asyncio.sleep(_LOOK_S)
        working.cancel()
    statuses = [status async for status in stores.board.every()]
    await qdrant.close()
    assert len(statuses) == len(files)
    assert all(each.state in {DocumentState.READY, DocumentState.FAILED} for each in statuses)
    return sum(each.passages for each in statuses)


async def _any_under_way(stores: Stores) -> bool:
    """Whether a document still has a way to go; asked so that the asking costs next to nothing."""
    for state in _UNDER_WAY:
        scope = LOCAL_OPERATOR.scope
        try:
            page = await stores.board.page(scope, limit=1, after=None, wanted=DocumentFilter(state))
        except VectorStoreUnavailable:
            # Too busy to say in time; every client would ask again.
            return True
        if page.statuses:
            return True
    return False


def cpu_by_part() -> Mapping[str, float]:
    """Return this process's processor time by kind of thread, in seconds, and its children's."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    spent: defaultdict[str, float] = defaultdict(float)
    for thread, ns in thread_cpu_ns(os.getpid()).items():
        name = names.get(thread, "others")
        kind = "event loop" if name == "MainThread" else name.rpartition("_")[0] or name
        spent[kind] += ns / 1e9
    spent["parser"] = family_cpu_s(os.getpid()) - sum(os.times()[:2])
    return spent


async def serve(*, quick: bool) -> None:
    """Answer each request with the time that one ingestion of the corpus took."""
    machinery = Machinery(MiniLmEmbedder(), SubprocessReader())
    files = corpus(quick=quick).files
    await machinery.embedder.warm_up()
    set_aside_what_stays()  # As the product does once it has started.
    for request in requests():
        before = cpu_by_part()
        began = time.perf_counter()
        passages = await take_in(files, machinery, request["folder"], request["qdrant"])
        seconds = time.perf_counter() - began
        spent: dict[str, Any] = {
            kind: after - before.get(kind, 0.0) for kind, after in cpu_by_part().items()
        }
        reply(seconds=seconds, passages=passages, cpu_s=spent)
    await machinery.reader.close()
    machinery.embedder.close()


if __name__ == "__main__":
    configure_logging()  # As the product does; without it each step writes two lines.
    asyncio.run(serve(quick="--quick" in sys.argv))
