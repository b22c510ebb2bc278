"""What a visitor asks, as the backend is told it."""

import re
from dataclasses import dataclass
from uuid import uuid4

_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_conversation() -> str:
    """Return an id for a new conversation."""
    return uuid4().hex


def is_conversation(name: str) -> bool:
    """Whether `name` can be the id of a conversation."""
    return _CONVERSATION.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Asking:
    """A question, its conversation, and the only document to be searched, if there is one."""

    question: str
    conversation: str
    document: str = ""
