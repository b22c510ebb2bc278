"""How answers are composed and kept for the next who asks."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from info_assistant.model.answer import Answer
from info_assistant.model.passage import Candidate, Passage
from info_assistant.model.prompt import ModelEvent, Prompt
from info_assistant.model.question import Question
from info_assistant.model.spend import ModelCall


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence proposed for an answer with the evidence its author names.

    `start` and `end` bound the quote inside the passage's text.
    """

    text: str
    passage: Passage
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A candidate with its score, and with one for each of its statements (higher is better).

    `coverage` is the share, 0…1, of the question's terms that the passage has.
    """

    candidate: Candidate
    score: float
    coverage: float
    statement_scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class WrittenSentence:
    """A sentence that a model wrote, its citation markers taken out, before its check.

    `cited` are the passages that the markers name, in their order; what was not retrieved for this
    caller is not among them. Empty means that the sentence names no evidence.
    """

    text: str
    cited: tuple[RankedPassage, ...]


class Judge(Protocol):
    """A second model that is asked about sentences which the rules could not decide."""

    async def contradicts(self, sentence: str, quote: str) -> bool:
        """Return whether the quote contradicts the sentence. Raises ProviderError and its kin.

        A yes holds the sentence back. A no changes nothing: a judge never makes a sentence
        supported, and is never asked about what the rules have refuted.
        """


class Generator(Protocol):
    """Composes an answer from ranked passages, sentence by sentence."""

    @property
    def provider(self) -> str:
        """The provider's name for `served_by`."""

    @property
    def model(self) -> str:
        """The model's name for `served_by`."""

    def generate(
        self, question: Question, ranked: Sequence[RankedPassage]
    ) -> AsyncGenerator[DraftSentence]:
        """Yield proposed sentences; none means that the passages hold no answer."""


class TextModel(Protocol):
    """A language model, or several behind one another, that writes text."""

    @property
    def provider(self) -> str:
        """The provider's name for `served_by`, metrics and the ledger."""

    @property
    def model(self) -> str:
        """The model's name for the same."""

    def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:
        """Yield ModelStarted, pieces of text, and ModelFinished if, and only if, it is complete.

        A second ModelStarted means that the text begins anew. Raises ProviderError and its kin,
        GenerationUnavailable. Closing the generator ends the call.
        """


class AnswerCache(Protocol):
    """Finished answers by key; losing any of them is harmless."""

    async def get(self, key: str) -> Answer | None:
        """Return the answer under `key`, or None."""

    async def put(self, key: str, answer: Answer) -> None:
        """Keep an answer for a while."""
