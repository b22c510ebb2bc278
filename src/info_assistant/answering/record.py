"""Record: count what became of each question."""

from typing import Protocol

from info_assistant.model.answer import Answer


class Recorder(Protocol):
    """Takes note of outcomes, for metrics and later for answer records."""

    def answered(self, answer: Answer) -> None:
        """Note a finished answer with its status, mode and timings."""

    def failed(self, code: str) -> None:
        """Note a question that ended in an error."""
