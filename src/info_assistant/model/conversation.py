"""Earlier turns of a talk, which a follow-up question leans on."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said: a text that anybody may have written, and no instruction to us."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Which conversation: ids are chosen by clients, so they mean something per caller only."""

    tenant: str
    subject: str
    id: str


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A conversation in its asker's list.

    `title` is its first question, "" if that cannot be read; `first` and `last` are the ids of its
    first and last answer, which say when; `turns` is how many questions it has.
    """

    id: str
    title: str
    turns: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class ConversationTurn:
    """A question of a conversation as it was asked; the id is its answer's, and sorts by time."""

    answer_id: str
    question: str
