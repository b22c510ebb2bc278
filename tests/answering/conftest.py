"""A small library in memory and plain stand-ins for the outside of the pipeline."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from benchmarks.harness.candidates import candidate_of
from tests.clocks import HandClock

from info_assistant.answering.answer_key import AnswerKeys
from info_assistant.answering.parts import PipelineParts
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.answering.recall import Memory
from info_assistant.model.answer import Answer
from info_assistant.model.document import Document
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope
from info_assistant.model.known_answer import KnownAnswer, SavedQuestion
from info_assistant.model.passage import (
    Candidate,
    IndexedPassage,
    Passage,
    PassageVectors,
    QuestionVectors,
    Span,
    passage_id,
)
from info_assistant.model.question import Filters, Question
from info_assistant.model.record import AnswerRecord
from info_assistant.model.vectors import Floats
from info_assistant.ports import AnswerCache, DraftSentence, RankedPassage
from info_assistant.providers.bm25 import TermVectors
from info_assistant.providers.extractive import ExtractiveGenerator

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DIMENSION = 64


def passage(
    *statements: str, joint: str = " ", document: str = "handbook", ordinal: int = 0, at: int = 100
) -> Passage:
    """Return a passage made of these statements, `at` characters into its document."""
    spans, text = [], ""
    for statement in statements:
        text += joint if text else ""
        spans.append(Span(len(text), len(text) + len(statement)))
        text += statement
    return Passage(
        id=passage_id(document, 1, ordinal),
        tenant="default",
        document_id=document,
        version=1,
        ordinal=ordinal,
        title=document.title(),
        source=f"{document}.md",
        access=("everyone",),
        heading_path=(),
        table_header="",
        page=None,
        text=text,
        start=at,
        end=at + len(text),
        statements=tuple(spans),
    )


def ranked(
    held: Passage, scores: Sequence[float] | None = None, *, score: float = 0.5
) -> RankedPassage:
    """Return a passage as the ranking hands it on, with a score for each statement."""
    own = tuple(scores) if scores is not None else (0.5,) * len(held.statements)
    nothing = np.zeros((0, DIMENSION), np.int8)
    found = Candidate(held, score, np.zeros(0, np.uint32), 0, lambda: nothing, ())
    return RankedPassage(found, score, 0.0, own)


def ask(text: str, *documents: str) -> Question:
    """Return a question of the local operator, in all or some of the documents."""
    return Question("question-1", text, LOCAL_OPERATOR, Filters(documents))


def word_vectors(text: str) -> Floats:
    """Return a unit vector for each word: the same for the same word, else nearly at right angles.

    The one here stands for the model: it knows which words are the same, and nothing else.
    """
    words = [word.strip(".,:;?") for word in text.lower().split()]
    rows = [
        np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIMENSION)
        for word in words
    ]
    found = np.array(rows, np.float32).reshape(-1, DIMENSION)
    unit: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def _mean(rows: Floats) -> Floats:
    total: Floats = rows.sum(axis=0)
    unit: Floats = total / max(float(np.linalg.norm(total)), 1e-6)
    return unit


class WordEmbedder:
    """ports.Embedder that knows words by their spelling."""

    identity = "words-1"

    def __init__(self) -> None:
        """Begin with no question asked."""
        self.asked: list[str] = []
        self._terms = TermVectors()

    async def embed_question(self, text: str) -> QuestionVectors:
        """Embed each word of a question."""
        self.asked.append(text)
        tokens = word_vectors(text)
        return QuestionVectors(_mean(tokens), self._terms.question(text), tokens)

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed each word of each passage."""
        return [self._vectors(held) for held in passages]

    def _vectors(self, held: Passage) -> PassageVectors:
        tokens = word_vectors(held.text)
        places = [
            Span(len(held.text[: span.start].split()), len(held.text[: span.end].split()))
            for span in held.statements
        ]
        small = np.rint(tokens * 127).astype(np.int8)
        return PassageVectors(_mean(tokens), self._terms.passage(held.text), small, tuple(places))


class MemoryIndex:
    """ports.PassageIndex in memory, ranked by the dense vector; `stuck` never answers."""

    def __init__(self) -> None:
        """Begin empty."""
        self.stuck = False
        self.failure: Exception | None = None
        self.reached = asyncio.Event()
        self._held: dict[str, IndexedPassage] = {}

    async def search(
        self, scope: AccessScope, question: QuestionVectors, filters: Filters, limit: int
    ) -> Sequence[Candidate]:
        """Return the best passages that the scope may see."""
        self.reached.set()
        if self.stuck:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        wanted = [
            (float(question.dense @ held.vectors.dense), held)
            for held in self._held.values()
            if scope.may_see(held.passage.tenant, held.passage.access)
            and (not filters.document_ids or held.passage.document_id in filters.document_ids)
        ]
        wanted.sort(key=lambda pair: -pair[0])
        return [candidate_of(held, score) for score, held in wanted[:limit]]

    async def write(self, passages: Sequence[IndexedPassage], *, hidden: bool = False) -> None:
        """Keep passages by their id."""
        assert not hidden
        self._held |= {held.passage.id: held for held in passages}

    async def reveal(self, documents: Sequence[Document]) -> None:
        """Nothing is ever hidden here."""

    async def remove_versions(self, tenant: str, document_id: str, *, up_to: int) -> None:
        """Forget old versions."""
        self._held = {
            key: held
            for key, held in self._held.items()
            if (held.passage.tenant, held.passage.document_id) != (tenant, document_id)
            or held.passage.version > up_to
        }

    async def count(self, tenant: str, document_id: str, version: int) -> int:
        """Return how many passages of a version are held."""
        wanted = (tenant, document_id, version)
        return sum(
            (held.passage.tenant, held.passage.document_id, held.passage.version) == wanted
            for held in self._held.values()
        )


@dataclass
class MemoryCache:
    """ports.AnswerCache that keeps everything."""

    kept: dict[str, KnownAnswer] = field(default_factory=dict)
    leaders: dict[str, str] = field(default_factory=dict)
    questions: dict[str, list[SavedQuestion]] = field(default_factory=dict)
    open: bool = True

    async def get(self, key: str) -> KnownAnswer | None:
        """Return what was kept."""
        return self.kept.get(key)

    async def lead(self, key: str, token: str) -> tuple[bool, KnownAnswer | None]:
        """Whether nobody else leads, and what there is."""
        return self.leaders.setdefault(key, token) == token, self.kept.get(key)

    async def keep(self, key: str, known: KnownAnswer, token: str = "") -> None:
        """Keep an answer."""
        self.kept[key] = known
        await self.give_up(key, token)

    async def give_up(self, key: str, token: str) -> None:
        """Lead no more."""
        if self.leaders.get(key) == token:
            del self.leaders[key]

    async def save_question(self, scope: str, saved: SavedQuestion) -> None:
        """Keep a question."""
        self.questions.setdefault(scope, []).append(saved)

    async def saved_questions(self, scope: str) -> Sequence[SavedQuestion]:
        """Return what was kept."""
        return self.questions.get(scope, [])


@dataclass
class Feed:
    """ports.CorpusChanges: the last change of each tenant, told by a test."""

    position: int = 0
    last: dict[str, int] = field(default_factory=dict)

    def unchanged_since(self, tenant: str, position: int) -> bool:
        """Whether nothing changed."""
        return self.last.get(tenant, 0) <= position

    def tell(self, tenant: str = "default") -> None:
        """Let something of a tenant have changed."""
        self.position += 1
        self.last[tenant] = self.position


def memory_of(cache: AnswerCache, **parts: Any) -> Memory:  # noqa: ANN401  Any part of it.
    """Return a memory over a cache, whose secret is known."""
    known: dict[str, Any] = {"keys": AnswerKeys(lambda: b"secret"), "changes": Feed()}
    return Memory(cache, **(known | parts))


@dataclass
class Notebook:
    """answering.record.Recorder that remembers."""

    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def answered(self, answer: Answer) -> None:
        """Remember an answer."""
        self.answers.append(answer)

    def failed(self, code: str) -> None:
        """Remember a failure."""
        self.failures.append(code)

    def checked(self, checks: object, held_back: int) -> None:
        """Remember nothing of checks."""

    def unrecorded(self) -> None:
        """Remember that no record was kept."""
        self.failures.append("unrecorded")


@dataclass
class Drawer:
    """ports.AnswerRecords that keeps them; `failure` is raised instead while it is set."""

    records: list[AnswerRecord] = field(default_factory=list)
    failure: Exception | None = None

    async def keep(self, record: AnswerRecord) -> None:
        """Keep a record."""
        if self.failure is not None:
            raise self.failure
        self.records.append(record)

    def put(self, record: AnswerRecord) -> Awaitable[None]:
        """Keep a record."""
        return self.keep(record)

    async def find(self, tenant: str, answer_id: str) -> AnswerRecord | None:
        """Return a record that was kept."""
        kept = (each for each in self.records if (each.tenant, each.id) == (tenant, answer_id))
        return next(kept, None)


@dataclass
class ScriptedGenerator:
    """ports.Generator that says what it is told to, and notes whether it was closed."""

    provider = "scripted"
    model = "script"
    script: Callable[[Sequence[RankedPassage]], Sequence[DraftSentence]]
    failure: Exception | None = None
    closed: bool = False

    async def generate(
        self,
        question: Question,  # noqa: ARG002  The script knows what to say.
        ranked: Sequence[RankedPassage],
    ) -> AsyncIterator[DraftSentence]:
        """Yield the script, then fail if so told."""
        try:
            for draft in self.script(ranked):
                yield draft
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed = True


@dataclass
class HiddenDocuments:
    """ports.Visibility that hides the documents named, and what the index would not give."""

    documents: set[str] = field(default_factory=set)
    stale: bool = False

    def may_show(self, scope: AccessScope, passage: Passage) -> bool:
        """Whether a passage may be shown."""
        return passage.document_id not in self.documents and scope.may_see(
            passage.tenant, passage.access
        )


@dataclass
class Desk:
    """A pipeline with the parts that a test looks into or breaks."""

    parts: PipelineParts
    index: MemoryIndex
    cache: MemoryCache
    notebook: Notebook
    embedder: WordEmbedder
    hidden: "HiddenDocuments"
    drawer: Drawer

    @property
    def pipeline(self) -> AnswerPipeline:
        """The pipeline over the present parts."""
        return AnswerPipeline(self.parts)

    def change(self, **parts: object) -> None:
        """Put other parts in."""
        self.parts = replace(self.parts, **parts)  # type: ignore[arg-type]

    async def hold(self, *passages: Passage) -> None:
        """Put passages into the library."""
        vectors = await self.embedder.embed_passages(passages)
        pairs = zip(passages, vectors, strict=True)
        await self.index.write([IndexedPassage(held, own) for held, own in pairs])


LIBRARY = (
    passage(
        "Employees may carry over five days of annual leave.",
        "The carried days lapse at the end of March.",
        document="leave",
    ),
    passage(
        "Telework needs a written agreement with the supervisor.",
        "The agreement ends after one year.",
        document="telework",
    ),
    passage("Receipts for travel are kept for six years.", document="travel"),
    passage("Visitors wear a badge at all times.", document="security"),
)


@pytest.fixture
async def desk() -> Desk:
    """Return a pipeline over four small documents that quotes whatever matches best."""
    index, cache, notebook, embedder = MemoryIndex(), MemoryCache(), Notebook(), WordEmbedder()
    drawer = Drawer()
    hidden = HiddenDocuments()
    parts = PipelineParts(
        embedder=embedder,
        index=index,
        generator=ExtractiveGenerator(),
        memory=memory_of(cache),
        clock=HandClock(NOON),
        recorder=notebook,
        records=drawer,
        visibility=hidden,
    )
    found = Desk(parts, index, cache, notebook, embedder, hidden, drawer)
    await found.hold(*LIBRARY)
    return found
