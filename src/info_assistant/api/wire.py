"""Requests and answers as they travel: the shapes that clients rely on. Extended, never renamed."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerStatus,
    ConflictKind,
    ConflictSide,
    Support,
)
from info_assistant.model.answer import Citation as CitedPassage
from info_assistant.model.passage import Passage
from info_assistant.model.question import MAX_QUESTION_CHARACTERS


def _has_words(question: str) -> str:
    # A pattern would say this in the description too, but what is a letter there depends on the
    # reader's dialect of regular expressions.
    if any(map(str.isalnum, question)):
        return question
    raise PydanticCustomError("empty_question", "The question holds no letter and no digit")


def _written_out(value: object) -> object:
    # Else numbers count as seconds since 1970, which the description does not say.
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise PydanticCustomError("date_written_out", "A day is written like 2026-11-26")
    return value


Day = Annotated[date, BeforeValidator(_written_out)]
"""A day in the parameters of an address."""


def _moment_written_out(value: object) -> object:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:", value, re.ASCII):
        raise PydanticCustomError(
            "moment_written_out", "A moment is written like 2026-11-26T12:00:00Z"
        )
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment_written_out)]
"""A moment in a body."""


class Wire(BaseModel):
    """A shape on its way out."""

    model_config = ConfigDict(frozen=True)


class Request(BaseModel):
    """A shape on its way in: unknown members are refused, so that no wish is silently ignored.

    Several of a thing are tuples: a default that can be changed is copied for each request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


ConversationId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""The id of a conversation, chosen by its client."""


class QueryFilters(Request):
    """A wish to search less than the caller may see."""

    document_ids: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()


class Turn(Request):
    """An earlier turn of a conversation."""

    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=8000)]


class QueryRequest(Request):
    """A question. Control characters and other invisible ones in it are left out."""

    question: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUESTION_CHARACTERS,
            description="What you would like to know: at least one letter or digit.",
            examples=["How do I request records?"],
        ),
        AfterValidator(_has_words),
    ]
    conversation_id: ConversationId | None = Field(
        default=None,
        description="Any id of your choice. Questions under one id are one conversation: later "
        "ones may lean on earlier ones. It is yours alone.",
    )
    filters: QueryFilters | None = None
    history: Annotated[tuple[Turn, ...], Field(max_length=50)] = Field(
        default=(),
        description="Earlier turns, oldest first, for clients that keep them themselves; what is "
        "kept under `conversation_id` is then not looked up.",
    )
    include: Annotated[tuple[Literal["passages"], ...], Field(max_length=8)] = Field(
        default=(), description="`passages` adds the whole passage to each citation."
    )


class SentenceBody(Wire):
    """A sentence of the answer with the numbers of its citations."""

    text: str
    citations: list[int]
    support: Support


class CitationBody(Wire):
    """Evidence: a verbatim quote. `start` and `end` are its offsets in the document's text."""

    n: int
    document_id: str
    title: str
    source: str
    version: int
    page: int | None
    heading_path: list[str]
    quote: str
    start: int
    end: int
    effective: date | None = Field(default=None, description="From this day on it counts.")
    superseded: date | None = Field(
        default=None, description="From this day on it counts no more, whatever the answer says."
    )
    marking: str | None = Field(default=None, description="Its protective marking.")
    language: str | None = Field(
        default=None, description="Of the quote, as BCP 47 names it, if it is known."
    )
    text: str | None = Field(default=None, description="Only with `include: [passages]`.")


class ServedByBody(Wire):
    """Who composed the answer, and what the answer cache did."""

    provider: str
    model: str
    cache: str
    switch: str | None


class UsageBody(Wire):
    """What the answer cost; nothing where no model was called."""

    tokens: int
    cost_usd: float


class ConflictSideBody(Wire):
    """What one source says. `n` is the citation, or passage in `see_also`, that it stands in."""

    n: int
    value: str = Field(description="What differs, as it is written; empty for yes and no.")
    document_id: str
    title: str
    version: int
    page: int | None
    effective: date | None
    quote: str
    start: int
    end: int
    language: str | None


class ConflictBody(Wire):
    """Sources that say different things of the same; one that the answer rests on comes first."""

    kind: ConflictKind
    sides: list[ConflictSideBody]


class AnswerBody(Wire):
    """The outcome of a question. That the documents hold no answer is an outcome, not an error."""

    id: str
    status: AnswerStatus
    answer_mode: AnswerMode
    answer: str
    sentences: list[SentenceBody]
    citations: list[CitationBody]
    see_also: list[CitationBody]
    served_by: ServedByBody
    degraded: list[str]
    notices: list[str]
    documents_as_of: datetime | None
    usage: UsageBody
    timings_ms: dict[str, float]
    follow_ups: list[str] = Field(
        default=[], description="Questions that the passages in `see_also` would answer."
    )
    given_at: datetime | None = Field(
        default=None, description="When it was first given, where that was before."
    )
    documents_changed_since: bool | None = Field(
        default=None,
        description="With `given_at`: whether documents have changed since, which it may not know.",
    )
    conflicts: list[ConflictBody] = Field(
        default=[], description="Where sources of the answer differ; nobody says which is right."
    )


class StateBody(Wire):
    """One word."""

    status: str


class FieldError(Wire):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemBody(Wire):
    """An error (RFC 9457). `code` is stable; `request_id` finds it in the log."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldError] | None = None
    passages: list[CitationBody] | None = Field(
        default=None, description="With `generation_unavailable`: what was found, quoted."
    )
    saved_questions: list[str] | None = Field(
        default=None,
        description="With `cache_only_miss`: similar questions that can be answered, best first.",
    )


def citation_fields(citation: CitedPassage, *, with_text: bool) -> dict[str, Any]:
    """Return the values of a `CitationBody`."""
    passage = citation.passage
    return {
        "n": citation.n,
        "document_id": passage.document_id,
        "title": passage.title,
        "source": passage.source,
        "version": passage.version,
        "page": passage.page,
        "heading_path": passage.heading_path,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "effective": passage.effective,
        "superseded": passage.superseded,
        "marking": passage.marking,
        "language": passage.language,
        "text": passage.text if with_text else None,
    }


def citation_body(citation: CitedPassage, *, with_text: bool) -> CitationBody:
    """Return a citation as it travels."""
    return CitationBody(**citation_fields(citation, with_text=with_text))


def answer_fields(answer: Answer, *, with_text: bool) -> dict[str, Any]:
    """Return the values of an `AnswerBody`.

    To be written as they are: they come from our own typed values, and the model would look at each
    of them again, which costs a question more than the writing does. Words of an enumeration are
    plain strings: the writer asks Python for each other one.
    """
    served = answer.served_by
    return {
        "id": answer.id,
        "status": str(answer.status),
        "answer_mode": str(answer.mode),
        "answer": answer.text,
        "sentences": [
            {"text": each.text, "citations": each.citations, "support": str(each.support)}
            for each in answer.sentences
        ],
        "citations": [citation_fields(each, with_text=with_text) for each in answer.citations],
        "see_also": [citation_fields(each, with_text=with_text) for each in answer.see_also],
        "served_by": {
            "provider": served.provider,
            "model": served.model,
            "cache": served.cache,
            "switch": served.switch,
        },
        "degraded": answer.degraded,
        "notices": answer.notices,
        "documents_as_of": answer.documents_as_of,
        "usage": {
            "tokens": answer.usage.input_tokens + answer.usage.output_tokens,
            "cost_usd": answer.usage.micro_usd / 1_000_000,
        },
        "timings_ms": answer.timings_ms,
        "follow_ups": answer.follow_ups,
        "given_at": answer.given_at,
        "documents_changed_since": answer.documents_changed_since,
        "conflicts": _conflict_fields(answer),
    }


def answer_body(answer: Answer, *, with_text: bool, notices: tuple[str, ...] = ()) -> AnswerBody:
    """Return an answer as it travels within others, with what else its reader should know."""
    fields = answer_fields(answer, with_text=with_text)
    return AnswerBody(**{**fields, "notices": (*answer.notices, *notices)})


def _conflict_fields(answer: Answer) -> list[dict[str, Any]]:
    if not answer.conflicts:
        return []
    passages = {each.n: each.passage for each in (*answer.citations, *answer.see_also)}
    return [
        {
            "kind": str(conflict.kind),
            "sides": [_side_fields(side, passages[side.n]) for side in conflict.sides],
        }
        for conflict in answer.conflicts
    ]


def _side_fields(side: ConflictSide, passage: Passage) -> dict[str, Any]:
    return {
        "n": side.n,
        "value": side.value,
        "document_id": passage.document_id,
        "title": passage.title,
        "version": passage.version,
        "page": passage.page,
        "effective": passage.effective,
        "quote": side.quote,
        "start": side.start,
        "end": side.end,
        "language": passage.language,
    }
