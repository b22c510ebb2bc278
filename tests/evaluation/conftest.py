"""Answers and a small stack that the measures are tried on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from info_assistant.evaluation.run import Asked
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Citation,
    ServedBy,
    Support,
)
from info_assistant.model.passage import Passage, Span


def passage(text: str, source: str = "a.md") -> Passage:
    """Return a passage of one statement."""
    return Passage(
        id=f"{source}: {text}",
        tenant="default",
        document_id=source,
        version=1,
        ordinal=0,
        title="",
        source=source,
        access=("everyone",),
        heading_path=(),
        table_header="",
        page=None,
        text=text,
        start=0,
        end=len(text),
        statements=(Span(0, len(text)),),
    )


def citation(n: int, held: Passage) -> Citation:
    """Return a citation of a whole passage."""
    return Citation(n, held, held.text, held.start, held.end)


def answer(
    *cited: Passage, see_also: Sequence[Passage] = (), status: AnswerStatus | None = None
) -> Answer:
    """Return an answer that quotes passages and lists others."""
    citations = tuple(citation(n, held) for n, held in enumerate(cited, 1))
    if status is None:
        status = AnswerStatus.ANSWERED if cited else AnswerStatus.NO_EVIDENCE
    return Answer(
        id="a",
        status=status,
        mode=AnswerMode.EXTRACTIVE,
        sentences=tuple(
            AnswerSentence(each.quote, (each.n,), Support.SUPPORTED) for each in citations
        ),
        citations=citations,
        see_also=tuple(citation(n, held) for n, held in enumerate(see_also, len(cited) + 1)),
        served_by=ServedBy("extractive", "quotes"),
    )


@dataclass
class ShelfStack:
    """evaluation.run.AskableStack over answers on a shelf; notes what was asked."""

    answers: Mapping[str, Asked]
    without: Mapping[str, Asked] = field(default_factory=dict)
    rankings: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    altered: frozenset[str] = frozenset()
    removed: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def ask(self, question: str, *, without: Sequence[str] = ()) -> Asked:
        """Return the answer on the shelf."""
        if without:
            self.removed.append((question, tuple(without)))
            return self.without[question]
        return self.answers[question]

    async def alone(self, question: str, ranking: str) -> Sequence[Passage]:
        """Return what one ranking alone finds for any question."""
        assert question in self.answers
        return self.rankings[ranking]

    async def is_verbatim(self, citation: Citation) -> bool:
        """Whether the quote was not altered."""
        return citation.quote not in self.altered
