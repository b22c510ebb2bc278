"""The real backend with a made-up embedder and generator: what is left is our own overhead.

Started as `python -m benchmarks.harness.seeded_backend PORT QDRANT_URL FOLDER QUESTIONS`.
"""

import os
import sys
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from pathlib import Path

from benchmarks.harness.processes import KEY
from benchmarks.harness.seeded import IDENTITY, SeededWorld

from info_assistant.answering.parts import PipelineParts
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.api.app import create_app
from info_assistant.api.services import ApiServices
from info_assistant.ingestion.intake import Intake
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.model.passage import Passage, PassageVectors, QuestionVectors
from info_assistant.model.question import Question
from info_assistant.observability.log import configure_logging
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import DraftSentence, RankedPassage
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.parentage import end_with_parent
from info_assistant.serving import Place, listen, serve
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.audit import RecordedAudit
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.conversations import BlobConversations
from info_assistant.stores.feedback import RecordedFeedback
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.stores.record_log import RecordLog


class SeededEmbedder:
    """Knows the vectors of every question beforehand. Implements `ports.Embedder`."""

    identity = IDENTITY

    def __init__(self, questions: int) -> None:
        """Make the vectors of the first `questions` questions."""
        world = SeededWorld()
        made = (world.question(number) for number in range(questions))
        self._known = {question.text: question.vectors for question in made}

    async def embed_question(self, text: str) -> QuestionVectors:
        """Return the vectors of a known question."""
        return self._known[text]

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed nothing: no documents are taken in here."""
        raise NotImplementedError


class FirstStatement:
    """Answers with the best passage's first statement, at once. Implements `ports.Generator`."""

    provider = "benchmark"
    model = "first-statement"

    async def generate(
        self, question: Question, ranked: Sequence[RankedPassage]
    ) -> AsyncGenerator[DraftSentence, None]:
        """Yield one sentence."""
        del question
        passage = ranked[0].candidate.passage
        span = passage.statements[0]
        yield DraftSentence(passage.text[span.start : span.end], passage, span.start, span.end)


def services(qdrant_url: str, folder: str, questions: int) -> ApiServices:
    """Put the product's parts together as `wiring` does, embedder, generator and worker apart."""
    clock = SystemClock()
    metrics = Metrics()
    qdrant = QdrantStore(qdrant_url, KEY, IDENTITY, on_error=metrics.qdrant_connection_errors.inc)
    blobs = ObjectBlobs(folder)
    log = RecordLog(blobs, Path(folder).with_name("journals"))
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    visibility = VisibilityOverlay(BlobChangeFeed(blobs, clock), clock)
    library = Library(stores, visibility, clock)
    health = HealthMonitor({"qdrant": qdrant, "object_storage": blobs}, clock)
    pipeline = AnswerPipeline(
        PipelineParts(
            embedder=SeededEmbedder(questions),
            index=qdrant.passages,
            generator=FirstStatement(),
            clock=clock,
            recorder=metrics,
            records=RecordedAnswers(log),
            visibility=visibility,
        )
    )
    return ApiServices(
        pipeline=pipeline,
        intake=Intake(stores, visibility, clock),
        library=library,
        limiter=LocalRateLimiter(),
        health=health,
        metrics=metrics,
        audit=RecordedAudit(log),
        answers=RecordedAnswers(log),
        feedback=RecordedFeedback(log),
        conversations=BlobConversations(blobs, clock, timedelta(days=1)),
        visibility=visibility,
        tasks={"health": health.run, "visibility": visibility.run, "records": log.run},
        closers=(log.close, qdrant.close),
    )


def main() -> None:
    """Serve until told to stop."""
    end_with_parent(os.getppid())
    port, url, folder, questions = sys.argv[1:]
    configure_logging("WARNING")
    with listen(Place("127.0.0.1", int(port), "backend", "BACKEND_PORT")) as listener:
        serve(create_app(services(url, folder, int(questions))), listener)


if __name__ == "__main__":
    main()
