"""What is kept of each answer: for its asker, for records requests, for those who improve it."""

from dataclasses import dataclass
from datetime import datetime

from info_assistant.model.answer import Answer, Support


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """The check of one sentence of a draft. `reasons` are codes of the rules that decided.

    The words of sentences that were held back are not kept: nobody was told them.
    """

    support: Support
    reasons: tuple[str, ...] = ()


NOTICE = 2
"""The edition of the privacy notice under which questions are asked.

1: only their asker and operators read them. 2: those that found no good answer are also shown,
without a name, to contributors who may see the documents that they came closest to.
"""


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """An answer with its question, as it was given. `subject` is the caller who asked.

    `searched` is the question as it was made to stand alone, where that differs; `prompt` the
    version of our wording, "" where no model was asked; `checks` are in the draft's order. `notice`
    is the edition of the privacy notice that held; `narrowed` says that only documents which the
    asker had chosen were searched.
    """

    id: str
    at: datetime
    tenant: str
    subject: str
    question: str
    answer: Answer
    conversation_id: str | None = None
    searched: str = ""
    prompt: str = ""
    checks: tuple[SentenceCheck, ...] = ()
    notice: int = 1
    narrowed: bool = False
