"""Recall: give an answer again that was given before, if it would be the same now.

It is found under a key that only the same access can form, and given only while everything that it
shows may be shown. Where documents of the tenant have changed since, it must be looked for anew:
if the same passages are found, it stands. Where nothing else can be had, one whose documents stand
as they did is better than none, and says so.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from info_assistant.answering.answer_key import AnswerKey, AnswerKeys
from info_assistant.answering.release import MayShow
from info_assistant.errors import CacheOnlyMiss, InfoAssistantError, RedisUnavailable, Unavailable
from info_assistant.model.answer import Answer, AnswerUsage, Citation
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    SentenceReleased,
    SourcesFound,
)
from info_assistant.model.identity import AccessScope
from info_assistant.model.known_answer import KnownAnswer
from info_assistant.model.passage import Passage
from info_assistant.model.question import Question
from info_assistant.ports import AnswerCache, Catalogue, Clock, CorpusChanges, Visibility
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.same_objects import SameObjects

FRESH_FOR = timedelta(hours=24)
"""How long an answer is given again; then it is made anew, so that no mistake stays for ever."""

JITTER = 0.1
"""By which share of that time answers are made anew earlier, so that not all are at once."""

KEEPING_S = 0.5
"""How long a finished answer waits at most until it is kept for others, in seconds."""

ELSEWHERE_S = 8.0
"""How long another replica is waited for that makes the same answer, in seconds."""

CHANGED_SINCE = "documents_changed_since"
"""In `degraded` of answers that may not know what has come since."""

_LOOK_S = 0.1
_MOST_AGAIN = 500
_CATALOGUE_S = 2.0


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was found under a question's key.

    `answer` may be given now. `candidate` may not, before its passages were looked for again. `off`
    is where nothing could be looked for.
    """

    state: Literal["hit", "miss", "off"]
    answer: Answer | None = None
    candidate: KnownAnswer | None = None


class _NothingKnown:
    """ports.CorpusChanges where nobody tells: everything may have changed."""

    position = 0

    def unchanged_since(self, tenant: str, position: int) -> bool:  # noqa: ARG002  The port's.
        """Return False."""
        return False


@dataclass(frozen=True, slots=True)
class Memory:
    """What the pipeline remembers answers with.

    `catalogue` is the truth while search is away; `only` says whether nothing but known answers is
    given now.
    """

    cache: AnswerCache = field(default_factory=NoAnswerCache)
    keys: AnswerKeys = field(default_factory=AnswerKeys)
    changes: CorpusChanges = field(default_factory=_NothingKnown)
    catalogue: Catalogue | None = None
    only: Callable[[], bool] = lambda: False


class Recall:
    """Knows which answers may be given again."""

    def __init__(self, memory: Memory, visibility: Visibility, clock: Clock | None = None) -> None:
        """Look answers up in `memory`; `visibility` knows what may be shown."""
        self._memory = memory
        self._visibility = visibility
        self._clock = clock or SystemClock()
        self._again: SameObjects[_Again] = SameObjects(_MOST_AGAIN)

    @property
    def position(self) -> int:
        """How far changes of documents are known; to be asked before passages are looked for."""
        return self._memory.changes.position

    @property
    def open(self) -> bool:
        """Whether answers are given again, and kept, at this moment."""
        memory = self._memory
        return memory.cache.open and memory.keys.shared and not self._visibility.stale

    async def find(self, question: Question, key: AnswerKey, may_show: MayShow) -> Recalled:
        """Look for an answer. Raises nothing: without a cache there is none."""
        if not self.open:
            return Recalled("off")
        try:
            known = await self._memory.cache.get(key.text)
        except RedisUnavailable:
            return Recalled("off")
        return self._judged(question, known, may_show)

    async def standing(
        self, question: Question, recalled: Recalled, may_show: MayShow
    ) -> Answer | None:
        """Return the answer, or the candidate if its documents stand as they did."""
        if recalled.answer is not None or recalled.candidate is None:
            return recalled.answer
        return await self._standing_now(question.caller.scope, recalled.candidate, may_show)

    async def instead(
        self, question: Question, recalled: Recalled, error: InfoAssistantError, may_show: MayShow
    ) -> Answer | None:
        """Return what was given before, for a question for which nothing new can be had now."""
        answer = await self.standing(question, recalled, may_show)
        if answer is None or answer.given_at is None:
            return answer
        notice = (
            f"This answer was first given on {_moment(answer)}. No new one could be made just now, "
            "and documents that came since are not taken into account."
        )
        degraded = (error.code, *answer.degraded)
        return replace(answer, degraded=degraded, notices=(*answer.notices, notice))

    def again(self, known: KnownAnswer, found: Mapping[str, Passage]) -> Answer | None:
        """Return a known answer with its passages as they were `found` now, best first.

        None where others were found.
        """
        if known.found != tuple(found):
            return None
        now = self._clock.now()
        if now >= known.fresh_until:
            return None
        return _given_again(_with_passages(known.answer, found), known, changed=False)

    async def take_lead(
        self, question: Question, key: AnswerKey, token: str, may_show: MayShow
    ) -> Recalled:
        """Return once nobody else makes this answer: with it, or to make it here.

        Raises nothing.
        """
        if not self.open:
            return Recalled("off")
        deadline = asyncio.get_running_loop().time() + ELSEWHERE_S
        with suppress(RedisUnavailable):
            while True:
                leads, known = await self._memory.cache.lead(key.text, token)
                # Somebody else may have made it between two looks.
                recalled = self._judged(question, known, may_show)
                late = asyncio.get_running_loop().time() > deadline
                if leads or late or recalled.answer is not None:
                    return recalled
                await asyncio.sleep(_LOOK_S)
        return _MISS

    async def keep(
        self, key: AnswerKey, token: str, answer: Answer, found: tuple[str, ...], position: int
    ) -> None:
        """Keep an answer for others, as of a `position`. Raises nothing, and ends in time."""
        if not self.open:
            return
        now = self._clock.now()
        fresh = FRESH_FOR * (1 - random.uniform(0, JITTER))  # noqa: S311  Spreads load.
        first = answer.given_at or now
        bare = replace(answer, given_at=None, documents_changed_since=None, timings_ms={})
        known = KnownAnswer(bare, found, position, first, first + fresh)
        with suppress(TimeoutError, RedisUnavailable):
            async with asyncio.timeout(KEEPING_S):
                await self._memory.cache.keep(key.text, known, token)

    async def give_up(self, key: AnswerKey, token: str) -> None:
        """Let others make an answer that was not kept. Raises nothing."""
        if not self.open:
            return
        with suppress(TimeoutError, RedisUnavailable):
            async with asyncio.timeout(KEEPING_S):
                await self._memory.cache.give_up(key.text, token)

    def _judged(self, question: Question, known: KnownAnswer | None, may_show: MayShow) -> Recalled:
        if known is None:
            return _MISS
        again = self._again.get(known)
        if again is None:
            again = _Again(known)
            self._again.note(again, known)
        if not all(map(may_show, again.passages)):
            return _MISS
        tenant = question.caller.scope.tenant
        fresh = self._clock.now() < known.fresh_until
        if not fresh or not self._memory.changes.unchanged_since(tenant, known.position):
            return Recalled("miss", candidate=known)
        return again.recalled

    async def _standing_now(
        self, scope: AccessScope, known: KnownAnswer, may_show: MayShow
    ) -> Answer | None:
        """Return a known answer if all its documents are current and visible, by the catalogue."""
        if self._memory.catalogue is None or self._visibility.stale:
            return None
        shown = {each.passage.document_id: each.passage for each in _shown(known.answer)}
        try:
            async with asyncio.timeout(_CATALOGUE_S):
                stand = await asyncio.gather(*(self._stands(scope, p) for p in shown.values()))
        except (TimeoutError, Unavailable, InfoAssistantError):
            return None
        # Asked last: the catalogue was read a moment ago.
        if not all(stand) or not _may_show_all(known.answer, may_show):
            return None
        unchanged = self._memory.changes.unchanged_since(scope.tenant, known.position)
        return _given_again(known.answer, known, changed=not unchanged)

    async def _stands(self, scope: AccessScope, passage: Passage) -> bool:
        assert self._memory.catalogue is not None  # noqa: S101  Asked before.
        document = await self._memory.catalogue.latest(scope.tenant, passage.document_id)
        return (
            document is not None
            and document.content.version == passage.version
            and scope.may_see(document.tenant, document.findable_by)
        )


class _Again:
    """What of a known answer is worked out once, for all the times that it is given again."""

    def __init__(self, known: KnownAnswer) -> None:
        answer = known.answer
        self.recalled = Recalled("hit", _given_again(answer, known, changed=False))
        # Whether one may be shown is asked of the others that differ in nothing that counts, too.
        distinct = {
            (p.document_id, p.version, p.access_revision, p.access, p.tenant): p
            for p in (each.passage for each in _shown(answer))
        }
        self.passages = tuple(distinct.values())


_MISS = Recalled("miss")


def unknown_answer(questions: tuple[str, ...] = ()) -> CacheOnlyMiss:
    """Return the error for a question without a known answer, while only those are given."""
    return CacheOnlyMiss(
        "At the moment only answers that were given before are available, and this question has "
        "none. Please ask again later, or look into the documents themselves.",
        questions=questions,
    )


def events_of(answer: Answer) -> Iterator[AnswerEvent]:
    """Yield the events of an answer that is known already."""
    yield SourcesFound((*answer.citations, *answer.see_also))
    numbered = {citation.n: citation for citation in answer.citations}
    for sentence in answer.sentences:
        evidence = tuple(numbered[n] for n in sentence.citations)
        yield SentenceReleased(sentence, evidence)
        for citation in evidence:
            yield CitationReleased(citation)
    yield AnswerFinished(answer)


def taken_along(answer: Answer) -> Answer:
    """Return an answer for one who asked while it was being made for another, who pays for it."""
    return replace(answer, served_by=replace(answer.served_by, cache="hit"), usage=AnswerUsage())


def _given_again(answer: Answer, known: KnownAnswer, *, changed: bool) -> Answer:
    return replace(
        taken_along(answer),
        given_at=known.given_at,
        documents_changed_since=changed,
        degraded=(CHANGED_SINCE,) if changed else (),
    )


def _with_passages(answer: Answer, found: Mapping[str, Passage]) -> Answer:
    """Return an answer whose passages say what their documents' entries say now."""

    def renewed(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
        return tuple(
            replace(each, passage=found.get(each.passage.id, each.passage)) for each in citations
        )

    return replace(answer, citations=renewed(answer.citations), see_also=renewed(answer.see_also))


def _shown(answer: Answer) -> tuple[Citation, ...]:
    return (*answer.citations, *answer.see_also)


def _may_show_all(answer: Answer, may_show: MayShow) -> bool:
    return all(may_show(each.passage) for each in _shown(answer))


def _moment(answer: Answer) -> str:
    at = answer.given_at
    return "" if at is None else f"{at.day} {at:%B %Y at %H:%M} UTC"
