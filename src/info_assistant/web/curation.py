"""What the API tells those who look after the documents of what people ask, as a page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from info_assistant.web.backend import Backend
from info_assistant.web.replies import Reply, Text
from info_assistant.web.visits import Visit

DAYS = 30
"""How far back the pages look."""

_PATH = "/v1/unanswered"
_LOOKED_BACK: Mapping[str, str | int] = {"days": DAYS}


class ClosestDocument(Reply):
    """A document that questions came close to."""

    id: Text = ""
    title: Text = ""


class Mark(Reply):
    """Who said that something was done, and when."""

    actor: Text = ""
    at: datetime | None = None


class QuestionGroup(Reply):
    """Questions that are alike."""

    id: Text = ""
    question: Text = ""
    examples: tuple[str, ...] = ()
    count: int = 0
    askers: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    newest: Text = ""
    shortfalls: dict[str, int] = Field(default_factory=dict)
    documents: tuple[ClosestDocument, ...] = ()
    state: Text = "open"
    marked: Mark | None = None


class UnansweredQuestions(Reply):
    """Groups of questions, the largest first, of all questions from `since` on."""

    groups: tuple[QuestionGroup, ...] = ()
    since: datetime | None = None
    questions: int = 0
    left_out: int = 0
    handled: int = 0


@dataclass(frozen=True, slots=True)
class Curation:
    """The part of the API's client that is for contributors. Raises what `Backend` does."""

    backend: Backend

    async def unanswered(self, visit: Visit, *, handled: bool) -> UnansweredQuestions:
        """Return the questions that found no good answer, or those of them that are handled."""
        wanted = {**_LOOKED_BACK, "handled": str(handled).lower()}
        return await self.backend.read(_PATH, UnansweredQuestions, visit, wanted)

    async def mark(self, question_id: str, until: str, visit: Visit, *, handled: bool) -> None:
        """Say that the group of a question is handled, or not; of questions up to `until`."""
        said: dict[str, object] = {"handled": handled, **({"until": until} if until else {})}
        await self.backend.send(f"{_PATH}/{question_id}/handled", said, visit, _LOOKED_BACK)
