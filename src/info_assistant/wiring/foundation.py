"""What everything else stands on: clock, metrics, the model, the stores."""

from dataclasses import dataclass

from info_assistant.ingestion.needs import Stores
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import Clock
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.wake_ups import WakeUps
from info_assistant.settings import Settings
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.wiring.parts import Part


@dataclass(frozen=True, slots=True)
class Foundation(Part):
    """What everything else stands on: clock, metrics, the model, the stores."""

    clock: Clock
    metrics: Metrics
    embedder: MiniLmEmbedder
    qdrant: QdrantStore
    blobs: ObjectBlobs
    stores: Stores
    objects: SharedObjects
    wake_ups: WakeUps


def foundation(settings: Settings) -> Foundation:
    """Return the ground, on which nothing is contacted yet."""
    clock, metrics, embedder = SystemClock(), Metrics(), MiniLmEmbedder()
    metrics.conditions.watch_disk(settings.data_dir)
    qdrant = QdrantStore(
        ",".join([settings.qdrant_url, *settings.qdrant_peers]),
        settings.qdrant_api_key,
        embedder.identity,
        on_error=metrics.qdrant_connection_errors.inc,
    )
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    wake_ups = WakeUps()
    objects = SharedObjects(blobs, settings.data_dir / "last-good", clock, wake_ups)

    async def close_embedder() -> None:
        embedder.close()

    return Foundation(
        clock,
        metrics,
        embedder,
        qdrant,
        blobs,
        stores,
        objects,
        wake_ups,
        tasks={"shared objects": objects.run},
        probes={"qdrant": qdrant, "object_storage": blobs, "embedder": embedder},
        starters=(objects.refresh,),
        closers=(qdrant.close, close_embedder),
    )
