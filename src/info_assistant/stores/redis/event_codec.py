"""Events of answers as bytes in Redis, where they are kept for minutes.

What cannot be read (another version wrote it) is as good as lost, which is harmless.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from info_assistant.errors import GenerationUnavailable, InfoAssistantError, StoredDataInvalid
from info_assistant.model.answer import Citation
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    AnswerReset,
    CitationReleased,
    NoticeGiven,
    SentenceReleased,
    SourcesFound,
    StageReached,
)
from info_assistant.model.schema import MALFORMED

_EVENTS: dict[str, Any] = {
    each.__name__: each
    for each in (
        StageReached,
        SourcesFound,
        SentenceReleased,
        CitationReleased,
        NoticeGiven,
        AnswerReset,
        AnswerFinished,
    )
}
_FAILURE = "failure"


def encoded(event: AnswerEvent | Exception) -> bytes:
    """Return an event, or how an answer ended instead; passages come without their whole text."""
    if isinstance(event, Exception):
        return to_json([_FAILURE, _failure_fields(event)])
    return to_json([type(event).__name__, _slim(event)])


def decoded(data: bytes) -> AnswerEvent | Exception:
    """Return what `encoded` was given. Raises StoredDataInvalid."""
    try:
        kind, fields = json.loads(data)
        if kind == _FAILURE:
            return _failure(fields)
        event: AnswerEvent = _adapter(_EVENTS[kind]).validate_python(fields)
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"An event of an answer cannot be understood ({type(exc).__name__})."
        ) from exc
    return event


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401  A class of events.
    return TypeAdapter(kind)


def _slim(event: AnswerEvent) -> AnswerEvent:
    match event:
        case SourcesFound(sources):
            return SourcesFound(_without_text(sources))
        case SentenceReleased(sentence, evidence):
            return SentenceReleased(sentence, _without_text(evidence))
        case CitationReleased(citation):
            return CitationReleased(_without_text((citation,))[0])
        case AnswerFinished(answer):
            cited, beside = _without_text(answer.citations), _without_text(answer.see_also)
            return AnswerFinished(replace(answer, citations=cited, see_also=beside))
    return event


def _without_text(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
    """Return citations whose passages hold no more than the quote, and where it is."""
    return tuple(
        replace(
            each,
            passage=each.passage._replace(
                text=each.quote, start=each.start, end=each.end, statements=()
            ),
        )
        for each in citations
    )


def _failure_fields(error: Exception) -> dict[str, Any]:
    if not isinstance(error, InfoAssistantError):
        return {"code": InfoAssistantError.code, "message": "", "retry_after_s": None}
    found: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "retry_after_s": error.retry_after_s,
    }
    if isinstance(error, GenerationUnavailable):
        found["passages"] = _without_text(error.passages)
    return found


def _failure(fields: dict[str, Any]) -> InfoAssistantError:
    """Return an error that is told to a client as the one that it was."""
    passages = _adapter(tuple[Citation, ...]).validate_python(fields.get("passages", ()))
    kind = next(each for each in _family(InfoAssistantError) if each.code == fields["code"])
    error = kind.__new__(kind)
    InfoAssistantError.__init__(error, fields["message"], retry_after_s=fields["retry_after_s"])
    if isinstance(error, GenerationUnavailable):
        error.passages = passages
    return error


def _family(root: type[InfoAssistantError]) -> Iterator[type[InfoAssistantError]]:
    yield root
    for each in root.__subclasses__():
        yield from _family(each)
