"""Whatever is asked by whom, and whatever changes meanwhile: nobody is given what is not theirs."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.answering.conftest import MemoryCache, memory_of, passage

from info_assistant.answering.answer_key import AnswerKeys
from info_assistant.answering.recall import Recall
from info_assistant.ingestion.corpus import CorpusPositions
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Citation,
    ServedBy,
    Support,
)
from info_assistant.model.identity import EVERYONE, AccessScope, Caller, Role
from info_assistant.model.passage import Passage, passage_id
from info_assistant.model.question import Filters, Question
from info_assistant.model.visibility import ChangeBatch, ChangeKind, VisibilityChange

CASES = 10_000
TENANTS, GROUPS = ("a", "b"), ("hr", "legal", "it")
TEXTS = ("How long is leave?", "how long is LEAVE?", "Who pays?")
WHEN = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class World:
    """Documents that come, change and go; what is true of them now; and one cache for all."""

    chance: random.Random
    documents: dict[str, Passage] = field(default_factory=dict)
    corpus: CorpusPositions = field(default_factory=CorpusPositions)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    untold: list[VisibilityChange] = field(default_factory=list)
    stale: bool = False

    def may_show(self, scope: AccessScope, shown: Passage) -> bool:
        """Whether a passage is what its document has now, and open to `scope`."""
        now = self.documents.get(shown.document_id)
        return (
            now is not None
            and now.version == shown.version
            and scope.may_see(now.tenant, now.access)
        )

    def change(self) -> None:
        """Let a document come, open or close, be replaced, or go."""
        name = self.chance.choice("123456")
        old = self.documents.get(name)
        kind = self.chance.choice(list(ChangeKind))
        tenant = old.tenant if old else self.chance.choice(TENANTS)
        version = 1 if old is None else old.version + (kind is ChangeKind.CONTENT)
        if kind is ChangeKind.REMOVED and old is not None:
            # Its name is not used again at the same version.
            self.documents[name] = old._replace(version=old.version + 1, access=())
        elif old is None or kind is not ChangeKind.REMOVED:
            made = passage(f"Text {name} {version}.", document=name)
            access = tuple(self.chance.sample((EVERYONE, *GROUPS), 2))
            self.documents[name] = made._replace(
                id=passage_id(name, version, 0),
                tenant=tenant,
                version=version,
                access=access,
            )
        self.untold.append(VisibilityChange(tenant, name, kind, version))

    def tell(self) -> None:
        """Let the changes so far come through the feed."""
        if self.untold:
            self.corpus.note(ChangeBatch(next(self.numbers), WHEN, tuple(self.untold)))
            self.untold.clear()

    def caller(self) -> Caller:
        """Return somebody."""
        groups = {EVERYONE, *self.chance.sample(GROUPS, self.chance.randrange(3))}
        scope = AccessScope(self.chance.choice(TENANTS), frozenset(groups))
        return Caller(self.chance.choice("xyz"), Role.READER, scope)

    def question(self) -> Question:
        """Return a question of somebody, at times within some documents only."""
        chosen = tuple(self.chance.sample("123456", 2)) if self.chance.random() < 0.2 else ()
        return Question("id", self.chance.choice(TEXTS), self.caller(), Filters(chosen))

    def found(self, question: Question) -> tuple[Passage, ...]:
        """Return what a search finds for a question."""
        wanted = question.filters.document_ids
        return tuple(
            each
            for name, each in sorted(self.documents.items())
            if self.may_show(question.caller.scope, each) and (not wanted or name in wanted)
        )


def answer_from(found: tuple[Passage, ...]) -> Answer:
    """Return an answer that quotes all that was found."""
    citations = tuple(Citation(n, each, each.text, 0, 1) for n, each in enumerate(found, 1))
    sentences = tuple(
        AnswerSentence(each.quote, (each.n,), Support.SUPPORTED) for each in citations
    )
    return Answer(
        id="id",
        status=AnswerStatus.ANSWERED,
        mode=AnswerMode.EXTRACTIVE,
        sentences=sentences,
        citations=citations,
        see_also=(),
        served_by=ServedBy("extractive", "quotes"),
    )


async def test_no_answer_leaks_across_tenants_groups_filters_and_changes() -> None:
    """In 10,000 questions amid changes, what is given again is what a search would find now.

    Half of those who find one that is to be looked at again see only whether the same is found.
    """
    world = World(random.Random(20261126))  # noqa: S311  The same each time.
    keys = AnswerKeys(lambda: b"secret")
    memory = memory_of(MemoryCache(), keys=keys, changes=world.corpus)
    recall = Recall(memory, world)
    given = renewed = 0
    for _ in range(CASES):
        if world.chance.random() < 0.1:
            world.change()
        if world.chance.random() < 0.3:
            world.tell()
        question = world.question()
        scope = question.caller.scope
        key = keys.of(question)
        position = recall.position

        def may_show(each: Passage, scope: AccessScope = scope) -> bool:
            return world.may_show(scope, each)

        recalled = await recall.find(question, key, may_show)
        found = world.found(question)
        answer = recalled.answer
        given += answer is not None
        if answer is None and recalled.candidate is not None:
            answer = recall.again(recalled.candidate, {each.id: each for each in found})
            renewed += answer is not None
        if answer is None:
            answer = answer_from(found)
        ids = {each.passage.id for each in answer.citations}
        assert ids <= {each.id for each in found}
        # What has come a moment ago, and has not been heard of, may be missing.
        assert world.untold or ids == {each.id for each in found}
        assert all(may_show(each.passage) for each in answer.citations)
        assert all(each.passage.tenant == scope.tenant for each in answer.citations)
        if recalled.answer is None:
            await recall.keep(key, "", answer, tuple(each.id for each in found), position)
    # Else nothing would have been tried.
    assert given > CASES / 10
    assert renewed > CASES / 100
