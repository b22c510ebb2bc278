"""What happens while a question is answered, in the order in which a reader sees it."""

from dataclasses import dataclass

from info_assistant.model.answer import Answer, AnswerSentence, Citation


@dataclass(frozen=True, slots=True)
class StageReached:
    """A step of the pipeline has begun: `retrieve`, `rank`, `generate`."""

    stage: str


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """Retrieval and ranking succeeded; these are the best passages. Headers may be sent now."""

    sources: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class SentenceReleased:
    """A sentence passed its check, on this evidence."""

    sentence: AnswerSentence
    evidence: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class CitationReleased:
    """The evidence for the sentence just released."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class AnswerReset:
    """All sentences and citations so far are void, and a whole new answer follows.

    Happens once at most, when the model that wrote them could not finish. `reason` is a code.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class NoticeGiven:
    """Something the reader should know about this answer, in words."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The whole answer, as it is also returned without streaming."""

    answer: Answer


AnswerEvent = (
    StageReached
    | SourcesFound
    | SentenceReleased
    | CitationReleased
    | NoticeGiven
    | AnswerReset
    | AnswerFinished
)
