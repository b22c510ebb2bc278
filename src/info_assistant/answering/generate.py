"""Generate: let a model write, or quote; and what follows where no model can write.

Without a configured provider the documents are quoted. With one, an outage of all providers is an
error that carries the passages found, or, where `EXTRACTIVE_FALLBACK` says so, an answer in quotes
that says that it is one.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from info_assistant.answering.compose import PROMPT_VERSION
from info_assistant.answering.draft import Draft
from info_assistant.answering.likeness import SentenceLikeness
from info_assistant.errors import (
    EmbedderUnavailable,
    GenerationUnavailable,
    InfoAssistantError,
    ProviderError,
    ProviderFault,
    RecordsUnavailable,
    TooBusy,
)
from info_assistant.model.answer import Citation, Support
from info_assistant.model.events import AnswerEvent
from info_assistant.model.question import Question
from info_assistant.ports import (
    Finding,
    Generator,
    Grounding,
    Judge,
    RankedPassage,
    WrittenSentence,
)
from info_assistant.resilience.single_flight import Tell

FALLBACK = "generation_unavailable"
"""In `degraded` of answers that quote because no model could write."""

FILTERED = "content_filtered"
"""In `degraded` of answers that a provider's content filter cut short."""

BY_JUDGE = "judge"
"""Among the reasons of a check: a second model said that the passages say otherwise."""

CITE = "cite"
"""What traces call the check of sentences, which timings count with generating."""

T = TypeVar("T")


class Timed(Protocol):
    """Waits for a step of generating, and notes the time it took."""

    def __call__(self, step: Awaitable[T], shown_as: str = "generate") -> Awaitable[T]:
        """Return what the step returns; traces name it so. Raises what the step raises."""


@dataclass(frozen=True, slots=True)
class Composing:
    """How models write answers here.

    `likeness` is further evidence for the check, and `judge` is asked where it cannot decide;
    `wanted` says whether a model is to be asked now; `falls_back` whether quotes stand in for them.
    """

    generator: Generator
    grounding: Grounding
    likeness: SentenceLikeness | None = None
    judge: Judge | None = None
    wanted: Callable[[], bool] = lambda: True
    falls_back: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be answered, from what; `shown` is what helps a reader without an answer."""

    question: Question
    ranked: Sequence[RankedPassage]
    shown: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class _Filling:
    """A draft that is being filled, who times it and who is told of it."""

    draft: Draft
    task: Task
    timed: Timed
    tell: Tell[AnswerEvent]


class Generation:
    """Fills drafts, by a model or with quotes."""

    def __init__(self, quotes: Generator, composing: Composing | None = None) -> None:
        """Quote with `quotes`, and have models write as `composing` says."""
        self._quotes = quotes
        self._composing = composing

    @property
    def composed_by(self) -> str:
        """What an answer would be made by at this moment, for the key of the answer cache."""
        writing = self._writing
        if writing is None:
            return f"{self._quotes.provider}/{self._quotes.model}/"
        return f"{writing.generator.provider}/{writing.generator.model}/{PROMPT_VERSION}"

    @property
    def _writing(self) -> Composing | None:
        composing = self._composing
        return composing if composing is not None and composing.wanted() else None

    def begin(self) -> Draft:
        """Return an empty draft."""
        writing = self._writing
        now = self._quotes if writing is None else writing.generator
        return Draft(
            now.provider,
            grounding=writing.grounding if writing is not None else None,
            provider=now.provider,
            model=now.model,
        )

    async def fill(self, draft: Draft, task: Task, timed: Timed, tell: Tell[AnswerEvent]) -> None:
        """Fill the draft, and tell what readers see of it as it happens.

        Raises GenerationUnavailable with the passages found; TooBusy for a tenant that may spend no
        more, and RecordsUnavailable where no spending can be noted; and what `timed` raises.
        """
        writing = self._writing if draft.grounding is not None else None
        filling = _Filling(draft, task, timed, tell)
        if writing is None:
            await self._fill_from(self._quotes, filling)
            return
        try:
            await self._fill_from(writing.generator, filling)
        except (GenerationUnavailable, ProviderError, RecordsUnavailable, TooBusy) as error:
            if isinstance(error, ProviderError) and error.kind is ProviderFault.CONTENT_FILTERED:
                draft.cut_short(FILTERED)
                return
            if not writing.falls_back:
                known = _for_readers(error, task.shown)
                raise known from (error if known is not error else None)
            degraded = error.code if isinstance(error, TooBusy) else FALLBACK
        else:
            return
        for event in draft.begin_anew(self._quotes.provider, self._quotes.model):
            await tell(event)
        draft.degraded = [degraded]
        await self._fill_from(self._quotes, filling)

    async def _fill_from(self, generator: Generator, filling: _Filling) -> None:
        """Fill the draft from one generator, each sentence timed."""
        draft, task, timed = filling.draft, filling.task, filling.timed
        async with aclosing(generator.generate(task.question, task.ranked)) as drafts:
            while (drafted := await timed(anext(drafts, None))) is not None:
                finding = None
                if isinstance(drafted, WrittenSentence):
                    finding = await self._examined(drafted, draft, task, timed)
                for event in draft.take(drafted, finding):
                    await filling.tell(event)

    async def _examined(
        self, sentence: WrittenSentence, draft: Draft, task: Task, timed: Timed
    ) -> Finding:
        """Return what the check finds; where it cannot decide, whether the judge says otherwise."""
        composing = self._composing
        likeness = None
        if composing is not None and composing.likeness is not None:
            try:
                likeness = await timed(composing.likeness.of(sentence, task.ranked), CITE)
            except EmbedderUnavailable:
                draft.by_fault = True
        finding = draft.examined(sentence, likeness)
        if composing is None or composing.judge is None or not finding.evidence:
            return finding
        if finding.support is not Support.UNVERIFIED:
            return finding
        contradicted = await timed(composing.judge.contradicts(sentence, task.question), CITE)
        return Finding(Support.REFUTED, (*finding.reasons, BY_JUDGE)) if contradicted else finding


def _for_readers(error: InfoAssistantError, passages: Sequence[Citation]) -> InfoAssistantError:
    """Return the error for readers, who are helped with the passages during an outage."""
    if isinstance(error, (RecordsUnavailable, TooBusy)):
        return error
    if isinstance(error, GenerationUnavailable):
        return GenerationUnavailable(
            error.message, retry_after_s=error.retry_after_s, passages=passages
        )
    return GenerationUnavailable(
        "The service that writes answers could not answer this question. The passages that fit it "
        "best are given with this message. Please ask again in a moment.",
        retry_after_s=error.retry_after_s,
        passages=passages,
    )
