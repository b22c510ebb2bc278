"""What the backend replies of conversations, as far as a page shows it."""

from datetime import datetime

from info_assistant.web.replies import RecordedAnswer, Reply, Text


class Turn(Reply):
    """A question of a conversation; its answer may not be found yet."""

    id: Text = ""
    question: Text = ""
    answer: RecordedAnswer | None = None


class Conversation(Reply):
    """Somebody's questions under one id, the oldest first."""

    id: Text = ""
    turns: tuple[Turn, ...] = ()


class ConversationSummary(Reply):
    """A conversation in the list: its first question, and how many there are."""

    id: Text = ""
    title: Text = ""
    turns: int = 0
    updated_at: datetime | None = None


class ConversationPage(Reply):
    """Some of somebody's conversations, the newest first; `next` continues them."""

    conversations: tuple[ConversationSummary, ...] = ()
    next: str | None = None
