"""What is kept of each answer: for its asker, for records requests, for those who improve it."""

from dataclasses import dataclass
from datetime import datetime

from info_assistant.model.answer import Answer


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """An answer with its question, as it was given. `subject` is the caller who asked."""

    id: str
    at: datetime
    tenant: str
    subject: str
    question: str
    answer: Answer
