"""A question as it enters the pipeline."""

from dataclasses import dataclass, field

from info_assistant.model.conversation import Turn
from info_assistant.model.identity import Caller

MAX_QUESTION_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """A caller's wish to search less than they may see; it never widens their access."""

    document_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, by whom, and within which of the documents they may see.

    `history` are earlier turns, oldest first; `conversation_id` is where this turn belongs, and
    where earlier ones are looked up if the caller sent none.
    """

    id: str
    text: str
    caller: Caller
    filters: Filters = field(default_factory=Filters)
    history: tuple[Turn, ...] = ()
    conversation_id: str | None = None
