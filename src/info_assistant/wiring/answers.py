"""A question's way, put together."""

from info_assistant.answering.conversation import Talk
from info_assistant.answering.pipeline import AnswerPipeline, PipelineParts
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.providers.extractive import ExtractiveGenerator
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.modes import Modes
from info_assistant.settings.answering import AnsweringSettings
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.records import RecordParts


def answer_pipeline(
    base: Foundation,
    records: RecordParts,
    visibility: VisibilityOverlay,
    modes: Modes,
    settings: AnsweringSettings,
) -> AnswerPipeline:
    """Return a question's way."""
    return AnswerPipeline(
        PipelineParts(
            embedder=base.embedder,
            index=base.qdrant.passages,
            generator=ExtractiveGenerator(),
            cache=NoAnswerCache(),
            clock=base.clock,
            recorder=base.metrics,
            records=records.answers,
            visibility=visibility,
            talk=Talk(records.conversations),
            refuse_personal_data=settings.refuse_personal_data,
            cache_only=modes.cache_only,
        )
    )
