"""The events of an answer as they travel, in a stream and when it is read again."""

from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from info_assistant.api.problems import problem_of
from info_assistant.api.wire import answer_fields, citation_fields
from info_assistant.model.events import (
    AnswerEvent,
    AnswerReset,
    CitationReleased,
    NoticeGiven,
    SentenceReleased,
    SourcesFound,
    StageReached,
)

EventBody = tuple[str, dict[str, Any]]
"""An event's name and its data."""


def event_frame(number: int, name: str, data: BaseModel | dict[str, Any]) -> bytes:
    """Return one event in the wire format; JSON holds no line break, so one data line does."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode("ascii"), to_json(data))


def event_body(event: AnswerEvent, *, with_text: bool) -> EventBody:
    """Return an event as it travels."""
    body: EventBody
    match event:
        case StageReached(stage):
            body = "status", {"stage": stage}
        case SourcesFound(sources):
            listed = [citation_fields(each, with_text=with_text) for each in sources]
            body = "sources", {"sources": listed}
        case SentenceReleased(sentence):
            body = (
                "sentence",
                {
                    "text": sentence.text,
                    "citations": sentence.citations,
                    "support": sentence.support,
                },
            )
        case CitationReleased(citation):
            body = "citation", citation_fields(citation, with_text=with_text)
        case NoticeGiven(text):
            body = "notice", {"text": text}
        case AnswerReset(reason):
            body = "reset", {"reason": reason}
        case _:
            body = "final", answer_fields(event.answer, with_text=with_text)
    return body


class NamedEvents:
    """Server-sent events with names and numbers: the API's own format."""

    def __init__(self, request_id: str, *, with_text: bool) -> None:
        """Write citations with the whole passage if `with_text`."""
        self._request_id = request_id
        self._with_text = with_text

    def event(self, number: int, event: AnswerEvent) -> bytes:
        """Return an event's frame."""
        name, data = event_body(event, with_text=self._with_text)
        return event_frame(number, name, data)

    def failure(self, number: int, error: Exception) -> bytes:
        """Return the frame of an `error` event."""
        problem = problem_of(error)
        body = problem.body(self._request_id)
        if problem.retry_after is not None:
            # The headers, where other answers say this, have gone.
            body["retry_after"] = problem.retry_after
        return event_frame(number, "error", body)

    def end(self) -> bytes:
        """Return nothing: the last event says that it is the last."""
        return b""
