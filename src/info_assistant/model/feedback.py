"""What readers say about answers, for those who look after the documents."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Judgement(StrEnum):
    """A reader's word on an answer; `wrong` asks curators to look at the documents behind it."""

    HELPFUL = "helpful"
    NOT_HELPFUL = "not_helpful"
    WRONG = "wrong"


MAX_COMMENT_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Feedback:
    """One reader's word on one answer. `document_ids` are those that the answer cited or named."""

    id: str
    at: datetime
    tenant: str
    subject: str
    answer_id: str
    judgement: Judgement
    comment: str
    question: str
    document_ids: tuple[str, ...]
