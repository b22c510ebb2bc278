"""What a trace is told on a question's way, whoever makes traces; without any, nobody is told."""

from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")

Facts = Mapping[str, str | int | bool]
"""What is said of a span besides its name and its times; never words of people or documents."""


TRACE_HEADERS: ContextVar[Mapping[str, str]] = ContextVar("trace headers", default={})  # noqa: B039
"""What tells another service the trace of what is served in this task; empty without traces."""


class QuestionSpans(Protocol):
    """The spans of one question: a span for the whole, and one below it for each stage."""

    async def within(self, stage: str, step: Awaitable[T]) -> T:
        """Return what a step returns; it belongs to `stage`. Raises what the step raises."""

    def done(self, stage: str, seconds: float) -> None:
        """Note a stage that has just ended, after so many seconds."""

    def end(self, facts: Facts) -> None:
        """End the whole; what is still to come ends by itself."""


class CallSpan(Protocol):
    """One call of a language model."""

    def finished(self, input_tokens: int, output_tokens: int) -> None:
        """Note what the provider counted."""

    def failed(self, kind: str) -> None:
        """Note the class of the fault."""

    def end(self) -> None:
        """End it, however it ended."""


class Spans(Protocol):
    """Begins spans below whatever is under way in this task."""

    def question(self, question_id: str, seconds_ago: float = 0.0) -> QuestionSpans:
        """Begin with a question, or note that one began some seconds ago."""

    def call(self, provider: str, model: str, facts: Facts) -> CallSpan:
        """Begin with a call of a language model."""
