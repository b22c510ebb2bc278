"""A document's way, put together."""

from dataclasses import dataclass
from functools import partial

from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.census import DocumentCensus
from info_assistant.ingestion.intake import Intake, IntakeLimits
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.read import ReadLimits, SubprocessReader
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.ingestion.worker import IngestionWorker, Pace, Tools
from info_assistant.resilience.idempotency import IdempotentRequests
from info_assistant.resilience.restoring import NAME as RESTORE
from info_assistant.resilience.restoring import RestoreMark
from info_assistant.resilience.wake_ups import Topic
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part

_UNTIL_TOLD_S = 3600.0
"""The worker itself looks far more often; this waits for nothing but hints."""


@dataclass(frozen=True, slots=True)
class DocumentParts(Part):
    """A document's way, and what is known of documents."""

    visibility: VisibilityOverlay
    library: Library
    worker: IngestionWorker
    intake: Intake
    repeats: IdempotentRequests


def document_parts(base: Foundation, tenants: Tenants, *, workers: int) -> DocumentParts:
    """Return a document's way; `workers` of them go it here side by side, perhaps none."""
    stores, clock = base.stores, base.clock
    # One more of each step than documents, so that the next is read while one is embedded.
    side_by_side = max(workers, 1) + 1
    pace = Pace(readers=side_by_side, embeddings=side_by_side)
    reader = SubprocessReader(ReadLimits(concurrency=pace.readers))
    feed = BlobChangeFeed(base.blobs, clock, partial(base.wake_ups.tell, Topic.CHANGES))
    visibility = VisibilityOverlay(feed, clock, wake_ups=base.wake_ups)
    base.metrics.visibility_stale.set_function(lambda: float(visibility.stale))
    library = Library(stores, visibility, clock)
    worker = IngestionWorker(
        stores, library, Tools(reader, base.embedder, base.embedder), clock, pace
    )
    restoring = RestoreMark(base.objects.open(RESTORE))
    worker.held = lambda: restoring.running
    worker.on_settled(base.metrics.ingestion_duration.observe)
    limits = IntakeLimits(documents=tenants.most_documents)

    def accepted() -> None:
        worker.notify()
        base.wake_ups.tell(Topic.DOCUMENTS)

    async def heed() -> None:
        while True:
            if await base.wake_ups.pause(Topic.DOCUMENTS, _UNTIL_TOLD_S):
                worker.notify()

    intake = Intake(stores, visibility, clock, limits, on_accepted=accepted)
    repeats = IdempotentRequests(base.blobs, clock)
    tasks = {
        "idempotent requests": repeats.run,
        "visibility": visibility.run,
        "census": DocumentCensus(stores.board, base.metrics.show_documents).run,
        **({"ingestion": worker.run, "accepted elsewhere": heed} if workers else {}),
    }
    return DocumentParts(
        visibility,
        library,
        worker,
        intake,
        repeats,
        tasks=tasks,
        starters=(visibility.refresh,),
        closers=(reader.close,),
    )
