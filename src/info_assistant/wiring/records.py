"""What was done and answered, and what looks after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from info_assistant.answering.question_groups import QuestionLikeness
from info_assistant.api.services import Curating
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import Embedder
from info_assistant.resilience.clock import SystemClock
from info_assistant.settings import Settings
from info_assistant.stores import (
    answer_records,
    answer_repeats,
    audit,
    feedback,
    ledger,
    unanswered,
)
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.audit import RecordedAudit
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.compaction import Upkeep
from info_assistant.stores.conversations import BlobConversations
from info_assistant.stores.feedback import RecordedFeedback
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.purging import QuotePurging
from info_assistant.stores.readership import RecordedReadership
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.unanswered import RecordedUnanswered
from info_assistant.stores.writers import WriterMarks, WriterWatch
from info_assistant.wiring.parts import Part

JOURNALS = "journals"
"""The folder in DATA_DIR for records that are not in object storage yet."""


@dataclass(frozen=True, slots=True)
class RecordParts(Part):
    """What was done and answered, and what looks after it."""

    log: RecordLog
    writers: WriterWatch
    audit: RecordedAudit
    answers: RecordedAnswers
    feedback: RecordedFeedback
    conversations: BlobConversations

    def curating(self, embedder: Embedder) -> Curating:
        """Return what curators are shown of them; likeness is by `embedder`."""
        return Curating(
            RecordedUnanswered(self.log), QuestionLikeness(embedder), RecordedReadership(self.log)
        )


def record_log(
    settings: Settings, blobs: ObjectBlobs, on_pending: Callable[[int], None] = lambda _count: None
) -> RecordLog:
    """Return the log of this process; it ends what others had begun when they died."""
    endings = {ledger.KIND: ledger.ended_by_death}
    folder = settings.data_dir / JOURNALS
    marks = WriterMarks(blobs, settings.spend.at_risk_usd * 1_000_000)
    return RecordLog(blobs, folder, on_pending=on_pending, endings=endings, marks=marks)


def record_parts(
    settings: Settings, blobs: ObjectBlobs, objects: SharedObjects, metrics: Metrics
) -> RecordParts:
    """Return the records of this process."""
    pending = metrics.records_pending
    log = record_log(settings, blobs, on_pending=pending.set)
    kept_answers = timedelta(days=settings.answer_retention_days)
    keep = {
        audit.KIND: timedelta(days=settings.audit_retention_days),
        answer_records.KIND: kept_answers,
        answer_repeats.KIND: kept_answers,
        feedback.KIND: kept_answers,
        unanswered.KIND: kept_answers,
        ledger.KIND: timedelta(days=settings.spend.retention_days),
    }
    conversations = BlobConversations(blobs, SystemClock(), kept_answers)
    upkeep = Upkeep(blobs, keep, objects, SystemClock())
    purging = QuotePurging(blobs, BlobCatalogue(blobs), SystemClock())
    writers = WriterWatch(blobs, SystemClock())
    tasks = {
        "records": log.run,
        "writers": writers.run,
        "upkeep of records": upkeep.run,
        "upkeep of conversations": conversations.run,
        "purging of quotes": purging.run,
    }
    return RecordParts(
        log,
        writers,
        RecordedAudit(log),
        RecordedAnswers(log),
        RecordedFeedback(log),
        conversations,
        tasks=tasks,
        starters=(log.open,),
        closers=(log.close,),
    )
