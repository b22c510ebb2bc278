"""What happened while an answer was given, for readers that lost their connection."""

from collections.abc import AsyncGenerator
from typing import Protocol

from info_assistant.model.events import AnswerEvent
from info_assistant.model.identity import Caller

NumberedEvent = tuple[int, AnswerEvent | Exception]
"""An event with its number in the stream, from 1; an exception is how the answer ended instead."""


class EventLog(Protocol):
    """The events of answers that are being given or were a while ago. Losing them is harmless."""

    def begin(self, answer_id: str, caller: Caller) -> None:
        """Expect the events of an answer; only `caller` may read them."""

    def add(self, answer_id: str, event: AnswerEvent | Exception) -> None:
        """Add the next event. AnswerFinished or an exception is the last."""

    async def read(
        self, answer_id: str, caller: Caller, after: int
    ) -> AsyncGenerator[NumberedEvent] | None:
        """Yield the events numbered above `after`, those to come included; None if not known here.

        Ends with the answer, also where the one who was to give it left without a word. What is
        given by another process may raise ShuttingDown or ResumeElsewhere in between.
        """

    def end(self, answer_id: str) -> None:
        """Expect no further event of an answer."""
