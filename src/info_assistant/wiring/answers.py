"""A question's way, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from info_assistant.answering.answer_key import AnswerKeys
from info_assistant.answering.compose import ComposedGenerator, ContextBudget
from info_assistant.answering.conflicts import ConflictFinder
from info_assistant.answering.conversation import Talk
from info_assistant.answering.generate import Composing
from info_assistant.answering.judge import ModelJudge
from info_assistant.answering.likeness import SentenceLikeness
from info_assistant.answering.parts import PipelineParts
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.answering.recall import Memory
from info_assistant.ingestion.sentences import sentences
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.model.answer import AnswerUsage
from info_assistant.model.spend import Budget
from info_assistant.observability.spans import Spans
from info_assistant.ports import AnswerCache, Grounding, TextModel
from info_assistant.providers.bm25 import TermVectors
from info_assistant.providers.extractive import ExtractiveGenerator
from info_assistant.resilience.modes import Modes
from info_assistant.settings.answering import AnsweringSettings
from info_assistant.stores.shared_secret import SharedSecret
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part
from info_assistant.wiring.records import RecordParts


def _without_budget(_tenant: str) -> Budget | None:
    return None


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes answers: a model, the check of what it writes, and what is done without it.

    `in_use` says whether a model is asked now; `falls_back` whether quotes stand in for it;
    `usage_of` what all calls for an answer took; `budget_of` how a tenant's budget stands.
    """

    model: TextModel
    grounding: Grounding
    in_use: Callable[[], bool]
    falls_back: bool = False
    usage_of: Callable[[str], AnswerUsage] | None = None
    budget_of: Callable[[str], Budget | None] = _without_budget


@dataclass(frozen=True, slots=True)
class Means:
    """How answers are made; without a writer they quote, without spans nobody is told of steps."""

    settings: AnsweringSettings
    memory: Memory
    writer: Writer | None = None
    spans: Spans | None = None


@dataclass(frozen=True, slots=True)
class MemoryParts(Part):
    """What earlier answers are remembered with, and what makes its secret."""

    memory: Memory


def memory_parts(
    base: Foundation,
    answers: AnswerCache,
    visibility: VisibilityOverlay,
    modes: Modes,
    settings: AnsweringSettings,
) -> MemoryParts:
    """Return what remembers answers in the cache `answers`."""
    secret = SharedSecret(base.objects.open("answer-cache"))
    judged = "judged" if settings.judge else "unjudged"
    budget = f"{settings.context_tokens} {settings.answer_tokens}"
    made_by = f"{base.embedder.identity} {budget} {judged}"
    memory = Memory(
        answers,
        AnswerKeys(secret.value, made_by),
        visibility.corpus,
        base.stores.catalogue,
        modes.cache_only,
    )
    return MemoryParts(memory, tasks={"secret of the answer cache": secret.make})


def answer_pipeline(
    base: Foundation,
    records: RecordParts,
    visibility: VisibilityOverlay,
    means: Means,
) -> AnswerPipeline:
    """Return a question's way."""
    writer, settings = means.writer, means.settings
    return AnswerPipeline(
        PipelineParts(
            embedder=base.embedder,
            index=base.qdrant.passages,
            generator=ExtractiveGenerator(),
            memory=means.memory,
            clock=base.clock,
            recorder=base.metrics,
            records=records.answers,
            visibility=visibility,
            composing=None if writer is None else _composing(base, writer, settings),
            talk=_talk(records, writer),
            conflicts=ConflictFinder(TermVectors().terms),
            usage_of=None if writer is None else writer.usage_of,
            budget_of=_without_budget if writer is None else writer.budget_of,
            refuse_personal_data=settings.refuse_personal_data,
            spans=means.spans,
        )
    )


def _composing(base: Foundation, writer: Writer, settings: AnsweringSettings) -> Composing:
    budget = ContextBudget(settings.context_tokens, settings.answer_tokens)
    generator = ComposedGenerator(writer.model, sentences, budget)
    return Composing(
        generator,
        writer.grounding,
        SentenceLikeness(base.embedder),
        ModelJudge(writer.model) if settings.judge else None,
        writer.in_use,
        writer.falls_back,
    )


def _talk(records: RecordParts, writer: Writer | None) -> Talk:
    if writer is None:
        return Talk(records.conversations)
    return Talk(records.conversations, writer.model, asks_model=writer.in_use)
