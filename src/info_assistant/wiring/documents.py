"""A document's way, put together."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.census import DocumentCensus
from info_assistant.ingestion.intake import Intake, IntakeLimits
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.repeats import UploadRequests
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.ingestion.worker import IngestionWorker, Tools
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.wiring.foundation import Foundation


@dataclass(frozen=True, slots=True)
class DocumentParts:
    """A document's way, and what is known of documents."""

    visibility: VisibilityOverlay
    library: Library
    worker: IngestionWorker
    intake: Intake
    repeats: UploadRequests
    tasks: Mapping[str, Callable[[], Awaitable[None]]]
    closers: tuple[Callable[[], Awaitable[None]], ...]


def document_parts(base: Foundation, tenants: Tenants, *, ingesting: bool) -> DocumentParts:
    """Return a document's way; whether it is gone here is said by `ingesting`."""
    stores, clock, reader = base.stores, base.clock, SubprocessReader()
    visibility = VisibilityOverlay(BlobChangeFeed(base.blobs, clock), clock)
    base.metrics.visibility_stale.set_function(lambda: float(visibility.stale))
    library = Library(stores, visibility, clock)
    worker = IngestionWorker(stores, library, Tools(reader, base.embedder, base.embedder), clock)
    worker.on_settled(base.metrics.ingestion_duration.observe)
    limits = IntakeLimits(documents=tenants.most_documents)
    intake = Intake(stores, visibility, clock, limits, on_accepted=worker.notify)
    repeats = UploadRequests(base.blobs, clock)
    tasks = {
        "upload requests": repeats.run,
        "visibility": visibility.run,
        "census": DocumentCensus(stores.board, base.metrics.show_documents).run,
        **({"ingestion": worker.run} if ingesting else {}),
    }
    return DocumentParts(visibility, library, worker, intake, repeats, tasks, (reader.close,))
