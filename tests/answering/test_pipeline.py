"""A question's whole way, over a small library in memory."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.answering.conftest import (
    LIBRARY,
    NOON,
    Desk,
    MemoryCache,
    ScriptedGenerator,
    WordEmbedder,
    ask,
    memory_of,
    passage,
)

from info_assistant.answering.making import EVIDENCE_THRESHOLD, LISTED
from info_assistant.errors import (
    DeadlineExceeded,
    EmbedderUnavailable,
    InvalidRequest,
    VectorStoreUnavailable,
)
from info_assistant.model.answer import Answer, AnswerMode, AnswerStatus
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    SentenceReleased,
    SourcesFound,
    StageReached,
)
from info_assistant.model.identity import AccessScope
from info_assistant.model.known_answer import KnownAnswer
from info_assistant.model.passage import QuestionVectors
from info_assistant.model.question import Question
from info_assistant.ports import DraftSentence, RankedPassage
from info_assistant.resilience.deadline import Deadline

LEAVE = ask("May employees carry over five days of annual leave?")
CANTEEN = ask("Which canteen serves soup on Fridays?")
SHORTLY = 0.05


def quotes(ranked: Sequence[RankedPassage]) -> list[DraftSentence]:
    """Quote the best passage's first statement."""
    held = ranked[0].candidate.passage
    span = held.statements[0]
    return [DraftSentence(held.text[span.start : span.end], held, span.start, span.end)]


def alters(ranked: Sequence[RankedPassage]) -> list[DraftSentence]:
    """Say something else than the passage does."""
    return [replace(draft, text=draft.text.replace("five", "nine")) for draft in quotes(ranked)]


async def events_of(desk: Desk, question: Question = LEAVE) -> list[AnswerEvent]:
    """Return all events of a question."""
    return [event async for event in desk.pipeline.stream(question)]


async def events_until_failure(
    desk: Desk, error: type[Exception], question: Question = LEAVE
) -> list[AnswerEvent]:
    """Return the events before the failure that must come."""
    seen: list[AnswerEvent] = []

    async def listen() -> None:
        async for event in desk.pipeline.stream(question):
            seen.append(event)  # noqa: PERF401  What came before the failure must be kept.

    with pytest.raises(error):
        await listen()
    return seen


async def events_until_the_deadline(desk: Desk) -> list[AnswerEvent]:
    """Return the events of a question that is cut off at its deadline."""
    seen: list[AnswerEvent] = []

    async def listen() -> None:
        async with asyncio.timeout(60), Deadline.after(SHORTLY).enforced("This"):
            async for event in desk.pipeline.stream(LEAVE):
                seen.append(event)  # noqa: PERF401  What came before the end must be kept.

    with pytest.raises(DeadlineExceeded):
        await listen()
    return seen


def documents(answer: Answer) -> list[str]:
    """Return the documents that an answer names, cited ones first."""
    return [each.passage.document_id for each in (*answer.citations, *answer.see_also)]


async def test_events_come_in_the_order_in_which_a_reader_sees_them(desk: Desk) -> None:
    """Sources, then each sentence followed by its evidence, then the whole."""
    events = await events_of(desk)
    stages = [event.stage for event in events if isinstance(event, StageReached)]
    assert stages == ["recall", "retrieve", "generate"]
    kinds = [type(event) for event in events if not isinstance(event, StageReached)]
    pairs = (len(kinds) - 2) // 2
    assert pairs >= 1
    expected = [SourcesFound, *[SentenceReleased, CitationReleased] * pairs, AnswerFinished]
    assert kinds == expected
    assert isinstance(events[2], SourcesFound)


async def test_the_answer_is_what_the_events_told(desk: Desk) -> None:
    """The finished answer has the released sentences and citations, and nothing else."""
    events = await events_of(desk)
    answer = events[-1].answer if isinstance(events[-1], AnswerFinished) else None
    assert answer is not None
    sentences = [event.sentence for event in events if isinstance(event, SentenceReleased)]
    citations = [event.citation for event in events if isinstance(event, CitationReleased)]
    assert answer.sentences == tuple(sentences)
    assert answer.citations == tuple(citations)
    assert (answer.id, answer.status, answer.mode) == (
        "question-1",
        AnswerStatus.ANSWERED,
        AnswerMode.EXTRACTIVE,
    )
    assert (answer.served_by.provider, answer.served_by.model) == ("extractive", "quotes")
    assert answer.documents_as_of == NOON
    assert answer.evidence >= EVIDENCE_THRESHOLD
    assert desk.notebook.answers == [answer]


async def test_the_best_passage_is_quoted_word_for_word(desk: Desk) -> None:
    """The answer is text of the library with its place in the document."""
    answer = await desk.pipeline.answer(LEAVE)
    held = LIBRARY[0]
    first = answer.citations[0]
    assert first.passage.document_id == "leave"
    assert first.quote in held.text
    assert held.text[first.start - held.start : first.end - held.start] == first.quote
    assert answer.sentences[0].text == first.quote
    assert answer.text.startswith("Employees may carry over five days of annual leave.")


async def test_citations_are_numbered_on_through_see_also(desk: Desk) -> None:
    """Cited and further passages have the numbers 1…n; each passage is named on one side only."""
    answer = await desk.pipeline.answer(LEAVE)
    numbers = [each.n for each in (*answer.citations, *answer.see_also)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [sentence.citations for sentence in answer.sentences] == [
        (n,) for n in range(1, len(answer.citations) + 1)
    ]
    assert sorted(set(documents(answer))) == ["leave", "security", "telework", "travel"]
    cited = {each.passage.id for each in answer.citations}
    assert cited.isdisjoint(each.passage.id for each in answer.see_also)


async def test_each_sentence_has_a_number_of_its_own(desk: Desk) -> None:
    """Three quotes of three passages are 1, 2, 3, and what is left goes on from 4."""
    desk.change(
        generator=ScriptedGenerator(lambda found: [quotes(found[at:])[0] for at in range(3)])
    )
    answer = await desk.pipeline.answer(LEAVE)
    assert [sentence.citations for sentence in answer.sentences] == [(1,), (2,), (3,)]
    assert [each.n for each in (*answer.citations, *answer.see_also)] == [1, 2, 3, 4]


async def test_no_more_than_twelve_passages_are_listed(desk: Desk) -> None:
    """A large library does not make a long answer."""
    await desk.hold(*(passage(f"Leave rule {n}.", document=f"r{n}") for n in range(30)))
    answer = await desk.pipeline.answer(LEAVE)
    assert len({each.passage.id for each in (*answer.citations, *answer.see_also)}) == LISTED


async def test_without_evidence_nothing_is_said_but_the_nearest_is_shown(desk: Desk) -> None:
    """`Not in these documents` still lists what was found, and no generator is asked."""
    desk.change(generator=ScriptedGenerator(quotes))
    events = await events_of(desk, CANTEEN)
    answer = desk.notebook.answers[0]
    assert answer.status is AnswerStatus.NO_EVIDENCE
    assert 0 < answer.evidence < EVIDENCE_THRESHOLD
    assert (answer.text, answer.sentences, answer.citations) == ("", (), ())
    assert [each.n for each in answer.see_also] == [1, 2, 3, 4]
    assert events[2] == SourcesFound(answer.see_also)
    assert StageReached("generate") not in events


async def test_an_empty_library_holds_no_evidence(desk: Desk) -> None:
    """With nothing to find the answer says so, in a stream with (no) sources."""
    events = await events_of(desk, ask("Anything?", "no such document"))
    assert SourcesFound(()) in events
    answer = desk.notebook.answers[0]
    assert (answer.status, answer.see_also) == (AnswerStatus.NO_EVIDENCE, ())


async def test_a_draft_that_is_not_verbatim_is_held_back(desk: Desk) -> None:
    """A sentence with a changed figure never leaves; the verbatim one after it is number 1."""
    desk.change(generator=ScriptedGenerator(lambda ranked: alters(ranked) + quotes(ranked)))
    answer = await desk.pipeline.answer(LEAVE)
    assert "nine" not in answer.text
    assert [(each.n, each.quote) for each in answer.citations] == [
        (1, "Employees may carry over five days of annual leave.")
    ]


async def test_when_every_draft_is_held_back_there_is_no_answer(desk: Desk) -> None:
    """Nothing unsupported is released; the passage is still listed."""
    desk.change(generator=ScriptedGenerator(alters))
    events = await events_of(desk)
    assert not any(isinstance(event, SentenceReleased | CitationReleased) for event in events)
    answer = desk.notebook.answers[0]
    assert answer.status in {AnswerStatus.NO_EVIDENCE, AnswerStatus.NOT_SUPPORTED}
    assert answer.see_also[0].passage.document_id == "leave"


async def test_documents_deleted_a_moment_ago_are_not_cited(desk: Desk) -> None:
    """Even while the index still has them."""
    desk.hidden.documents.add("leave")
    events = await events_of(desk)
    sources = next(event.sources for event in events if isinstance(event, SourcesFound))
    named = [each.passage.document_id for each in sources]
    assert "leave" not in named + documents(desk.notebook.answers[0])
    assert len(named) == 3


async def test_filters_narrow_and_access_bounds_what_is_found(desk: Desk) -> None:
    """A filter takes documents away; a caller of another tenant or group finds nothing."""
    answer = await desk.pipeline.answer(ask(LEAVE.text, "travel", "security"))
    assert answer.status is AnswerStatus.NO_EVIDENCE
    assert set(documents(answer)) == {"travel", "security"}
    for scope in (
        AccessScope("other", frozenset({"everyone"})),
        AccessScope("default", frozenset({"nobody"})),
    ):
        stranger = replace(LEAVE, caller=replace(LEAVE.caller, scope=scope))
        assert documents(await desk.pipeline.answer(stranger)) == []


async def test_the_question_is_embedded_as_it_is_read(desk: Desk) -> None:
    """Invisible characters and blanks do not reach the model."""
    await desk.pipeline.answer(ask("  annual\u200b \n leave? "))
    assert desk.embedder.asked == ["annual leave?"]


async def test_what_is_no_question_reaches_nothing(desk: Desk) -> None:
    """An empty question is refused before anything is contacted, and counted."""
    assert await events_until_failure(desk, InvalidRequest, ask("?!")) == []
    assert desk.notebook.failures == ["invalid_request"]
    assert desk.embedder.asked == []


async def test_an_outage_of_the_store_comes_before_any_source(desk: Desk) -> None:
    """So that the API can still set a status code."""
    desk.index.failure = VectorStoreUnavailable("Qdrant does not answer.")
    seen = await events_until_failure(desk, VectorStoreUnavailable)
    assert seen == [StageReached("recall"), StageReached("retrieve")]
    assert desk.notebook.failures == ["vector_store_unavailable"]
    assert desk.notebook.answers == []
    assert desk.cache.kept == {}


async def test_an_outage_of_the_model_comes_before_any_source(desk: Desk) -> None:
    """A question without vectors is an outage, not an empty answer."""

    class Unloaded(WordEmbedder):
        async def embed_question(self, text: str) -> QuestionVectors:
            raise EmbedderUnavailable(f"No model for {text!r}.")

    desk.change(embedder=Unloaded())
    seen = await events_until_failure(desk, EmbedderUnavailable)
    assert not any(isinstance(event, SourcesFound) for event in seen)
    assert desk.notebook.failures == ["embedder_unavailable"]


async def test_a_generator_fails_only_after_the_sources_are_shown(desk: Desk) -> None:
    """What was found and released stays; the failure comes last, and no answer is kept."""
    outage = EmbedderUnavailable("The provider is gone.")
    desk.change(generator=ScriptedGenerator(quotes, failure=outage))
    seen = await events_until_failure(desk, EmbedderUnavailable)
    kinds = [type(event) for event in seen]
    assert kinds[2] is SourcesFound
    assert kinds[-2:] == [SentenceReleased, CitationReleased]
    assert desk.notebook.failures == ["embedder_unavailable"]
    assert desk.notebook.answers == []
    assert desk.cache.kept == {}


async def test_a_stuck_store_ends_in_time(desk: Desk) -> None:
    """The deadline in force ends the wait."""
    desk.index.stuck = True
    seen = await events_until_the_deadline(desk)
    assert seen[-1] == StageReached("retrieve")


async def test_a_stuck_cache_ends_in_time(desk: Desk) -> None:
    """A cache that hangs does not hold a question for ever."""

    class Stuck(MemoryCache):
        async def get(self, key: str) -> KnownAnswer | None:
            await asyncio.Event().wait()
            return self.kept.get(key)

    desk.change(memory=memory_of(Stuck()))
    seen = await events_until_the_deadline(desk)
    assert seen == [StageReached("recall")]


async def test_a_cache_that_cannot_keep_does_not_hold_the_answer(desk: Desk) -> None:
    """The finished answer comes, kept or not: losing a cache entry is harmless."""

    class Stuck(MemoryCache):
        async def keep(self, key: str, known: KnownAnswer, token: str = "") -> None:
            await asyncio.Event().wait()
            await super().keep(key, known, token)

    desk.change(memory=memory_of(Stuck()))
    async with asyncio.timeout(60):
        assert (await desk.pipeline.answer(LEAVE)).sentences


async def test_the_same_question_is_answered_from_memory(desk: Desk) -> None:
    """A known answer is told again, with its sources first, without any search."""
    first = await desk.pipeline.answer(LEAVE)
    desk.index.failure = VectorStoreUnavailable("Qdrant does not answer.")
    events = await events_of(desk, replace(LEAVE, id="question-2", text=LEAVE.text.upper()))
    kinds = [type(event) for event in events if not isinstance(event, StageReached)]
    pairs = [SentenceReleased, CitationReleased] * len(first.sentences)
    assert kinds == [SourcesFound, *pairs, AnswerFinished]
    assert events[1] == SourcesFound((*first.citations, *first.see_also))
    again = replace(
        first,
        id="question-2",
        served_by=replace(first.served_by, cache="hit"),
        given_at=NOON,
        documents_changed_since=False,
    )
    assert isinstance(events[-1], AnswerFinished)
    assert replace(events[-1].answer, timings_ms=first.timings_ms) == again
    assert desk.notebook.answers == [first, events[-1].answer]
    assert len(desk.embedder.asked) == 1


async def test_a_known_answer_is_not_for_others(desk: Desk) -> None:
    """Another filter or another group searches anew."""
    await desk.pipeline.answer(LEAVE)
    await desk.pipeline.answer(ask(LEAVE.text, "travel"))
    scope = AccessScope("default", frozenset({"everyone", "staff"}))
    await desk.pipeline.answer(replace(LEAVE, caller=replace(LEAVE.caller, scope=scope)))
    assert len(desk.embedder.asked) == 3
    assert len(desk.cache.kept) == 3


async def test_a_known_answer_does_not_outlive_its_document(desk: Desk) -> None:
    """What was deleted since is not cited from memory either."""
    await desk.pipeline.answer(LEAVE)
    desk.hidden.documents.add("leave")
    assert "leave" not in documents(await desk.pipeline.answer(LEAVE))


async def test_each_stage_s_time_is_in_the_answer(desk: Desk) -> None:
    """Times are in milliseconds, none negative, and their sum is within the total."""
    timings = (await desk.pipeline.answer(LEAVE)).timings_ms
    stages = {"recall", "embed", "retrieve", "rank", "generate", "keep"}
    assert set(timings) == {*stages, "total"}
    parts = [ms for stage, ms in timings.items() if stage != "total"]
    assert all(ms >= 0 for ms in parts)
    assert sum(parts) <= timings["total"] + 0.1


async def test_a_reader_who_leaves_takes_the_work_along(desk: Desk) -> None:
    """Cancelling a question that waits for the store leaves no task behind."""
    desk.index.stuck = True
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(desk.pipeline.answer(LEAVE))
        await desk.index.reached.wait()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    assert asking.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert desk.notebook.answers == []


async def test_a_stream_that_is_closed_closes_its_generator(desk: Desk) -> None:
    """Whoever stops reading releases the provider's connection at once, not some time later."""
    generator = ScriptedGenerator(lambda ranked: quotes(ranked) * 3)
    desk.change(generator=generator)
    stream = desk.pipeline.stream(LEAVE)
    async with contextlib.aclosing(stream) as events:
        async for event in events:
            if isinstance(event, SentenceReleased):
                break
    assert generator.closed
