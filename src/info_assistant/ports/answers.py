"""How answers are composed."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from info_assistant.model.answer import Support
from info_assistant.model.passage import Candidate, Passage, Span
from info_assistant.model.prompt import ModelEvent, Prompt, TokenUsage
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


class RankedPassage(NamedTuple):
    """A candidate with its score, and with one for each of its statements (higher is better).

    `coverage` is the share, 0…1, of the question's terms that the passage has.
    """

    candidate: Candidate
    score: float
    coverage: float
    statement_scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class WrittenSentence:
    """A sentence that a model wrote, with the passages that its markers name, in their order."""

    text: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class DraftBegun:
    """A model begins a draft, asked in our words of version `prompt`; what came before is void."""

    provider: str
    model: str
    prompt: str


@dataclass(frozen=True, slots=True)
class DraftEnded:
    """The author's own word that the draft is complete, and what it took."""

    usage: TokenUsage


Drafted = DraftSentence | WrittenSentence | DraftBegun | DraftEnded
"""What a generator says, in this order: begun, sentences, ended; again from the start or not."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The stretch of a passage's text that carries a sentence; `span` is relative to it."""

    passage: Passage
    span: Span


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of a written sentence found; `reasons` are codes of the rules that decided."""

    support: Support
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


Likeness = Mapping[str, Sequence[float]]
"""By a passage's id: how alike a sentence and each of its statements are (MaxSim, up to 1)."""


class Grounding(Protocol):
    """Checks what a model wrote against the passages that it names (docs/decisions/0017)."""

    def check(
        self,
        sentence: WrittenSentence,
        *,
        after_held_back: bool = False,
        likeness: Likeness | None = None,
    ) -> Finding:
        """Return what was found.

        `after_held_back` says that the sentence before was held back, and takes this one along if
        it leans on that one. `likeness` is further evidence where a sentence shares few words with
        its quote; without it fewer sentences are supported.
        """


class Judge(Protocol):
    """A second model that is asked about sentences which the rules could not decide."""

    async def contradicts(self, sentence: WrittenSentence, question: Question) -> bool:
        """Return whether the passages of a sentence say otherwise. Raises nothing of a provider's.

        A yes holds the sentence back. A no changes nothing, nor does a judge that does not answer:
        a judge never makes a sentence supported, and is never asked about what the rules refuted.
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
    ) -> AsyncGenerator[Drafted]:
        """Yield what is drafted; no sentence means that the passages hold no answer.

        Raises what `TextModel.stream` raises.
        """


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
