"""What the check of a written sentence finds, with stable codes for records and metrics."""

from dataclasses import dataclass
from enum import StrEnum

from info_assistant.model.answer import Support
from info_assistant.model.passage import Passage, Span


class Reason(StrEnum):
    """Why a sentence was not supported. Codes are stable: they are kept in answer records."""

    NO_CITATION = "no_citation"
    NO_EVIDENCE = "no_evidence"
    LOOK_ALIKE = "look_alike"
    INSTRUCTION = "instruction"
    QUANTITY = "quantity"
    DATE = "date"
    IDENTIFIER = "identifier"
    NAME = "name"
    COMPARISON = "comparison"
    NEGATION = "negation"
    MODALITY = "modality"
    EXCEPTION = "exception"
    SUBJECT = "subject"
    BLENDED = "blended"
    LITTLE_SHARED = "little_shared"
    LEANS_ON_HELD_BACK = "leans_on_held_back"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The stretch of a passage's text that carries a sentence best; `span` is relative to it."""

    passage: Passage
    span: Span

    @property
    def quote(self) -> str:
        """The words, verbatim."""
        return self.passage.text[self.span.start : self.span.end]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one sentence.

    `reasons` are empty when it is supported. `evidence` is empty when it is refuted, and otherwise
    holds the best quote of at least one cited passage.
    """

    support: Support
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[Evidence, ...] = ()
