"""Answers and the evidence behind each of their sentences."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from info_assistant.model.passage import Passage


class AnswerStatus(StrEnum):
    """What became of a question; only outages are errors."""

    ANSWERED = "answered"
    PARTIAL = "partial"
    NO_EVIDENCE = "unanswerable_no_evidence"
    NOT_SUPPORTED = "unanswerable_not_supported"
    CLARIFICATION = "clarification"
    REFUSED_INPUT = "refused_input"
    REFUSED_OUTPUT = "refused_output"


class AnswerMode(StrEnum):
    """Whether a model wrote the answer or the documents are quoted."""

    GENERATED = "generated"
    EXTRACTIVE = "extractive"


class Support(StrEnum):
    """What the check of a sentence against its quote found; `refuted` ones are held back."""

    SUPPORTED = "supported"
    UNVERIFIED = "unverified"
    REFUTED = "refuted"


@dataclass(frozen=True, slots=True)
class Citation:
    """Evidence: a verbatim quote, and its offsets `start` and `end` in the document's text.

    `purged_sha256` is the SHA-256 of a quote that was taken out of a record since.
    """

    n: int
    passage: Passage
    quote: str
    start: int
    end: int
    purged_sha256: str = ""

    def numbered(self, n: int) -> "Citation":
        """Return the same evidence under another number."""
        if n == self.n:
            return self
        return Citation(n, self.passage, self.quote, self.start, self.end, self.purged_sha256)


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """A released sentence, the citations that carry it, and the outcome of its check."""

    text: str
    citations: tuple[int, ...]
    support: Support


class ConflictKind(StrEnum):
    """In what two sources differ."""

    DURATION = "duration"
    AMOUNT = "amount"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True)
class ConflictSide:
    """What one source says: a verbatim quote with its offsets in the document's text.

    `n` is the number of a citation, or of a passage beside the answer, from the same passage;
    `value` is what differs, as it is written, "" for yes and no.
    """

    n: int
    value: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Sources of an answer that say different things of the same; the cited one comes first."""

    kind: ConflictKind
    sides: tuple[ConflictSide, ...]


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Where an answer came from. `cache` is hit, miss or off; `switch` names an active mode."""

    provider: str
    model: str
    cache: str = "off"
    switch: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerUsage:
    """What models took for an answer: tokens in and out, and millionths of a dollar."""

    input_tokens: int = 0
    output_tokens: int = 0
    micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole outcome of one question.

    `evidence` is the best passage's score in the ranking, which decides whether there is an answer.
    `follow_ups` are questions that the passages beside it would answer. `given_at` is when it was
    first given, where that was before, and `documents_changed_since` then says whether documents
    have changed meanwhile that it may not take into account. `conflicts` are where sources differ.
    """

    id: str
    status: AnswerStatus
    mode: AnswerMode
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    see_also: tuple[Citation, ...]
    served_by: ServedBy
    evidence: float = 0.0
    documents_as_of: datetime | None = None
    degraded: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()
    usage: AnswerUsage = AnswerUsage()
    given_at: datetime | None = None
    documents_changed_since: bool | None = None
    conflicts: tuple[Conflict, ...] = ()

    @property
    def text(self) -> str:
        """The answer as running text."""
        return "\n\n".join(sentence.text for sentence in self.sentences)


_OWN = frozenset({"id", "timings_ms"})

common_to = attrgetter(*(each.name for each in fields(Answer) if each.name not in _OWN))
"""Returns all of an answer but what is another each time that it is given."""
