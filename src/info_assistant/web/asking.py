"""What a visitor asks, as the backend is told it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """A question, its conversation, and the only document to be searched, if there is one."""

    question: str
    conversation: str
    document: str = ""
