"""What the API tells those who look after the documents of what people ask, as a page shows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import Field

from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.replies import Reply, Text
from info_assistant.web.visits import Visit

DAYS = 30
"""How far back the pages look."""

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What ids of documents and records look like."""

_PATH = "/v1/unanswered"
_NOT_FOUND = 404
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


class UseCount(Reply):
    """How often a document was used, and by how many it was opened or downloaded."""

    day: date | None = None
    opened: int = 0
    downloaded: int = 0
    cited: int = 0
    people: int = 0


class PersonCount(Reply):
    """How often somebody opened and downloaded a document."""

    subject: Text = ""
    opened: int = 0
    downloaded: int = 0
    last_at: datetime | None = None


class Readers(Reply):
    """How often a document was used; `readers` only for operators."""

    since: datetime | None = None
    total: UseCount = Field(default_factory=UseCount)
    days: tuple[UseCount, ...] = ()
    readers: tuple[PersonCount, ...] | None = None


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

    async def readers(self, document_id: str, visit: Visit) -> Readers | None:
        """Return how often a document was read; None where the backend does not know such a thing.

        That is one of an older version, while a newer one replaces it.
        """
        path = f"/v1/documents/{document_id}/readers"
        try:
            return await self.backend.read(path, Readers, visit, _LOOKED_BACK)
        except BackendProblem as problem:
            if problem.status != _NOT_FOUND:
                raise
            return None

    async def mark(self, question_id: str, until: str, visit: Visit, *, handled: bool) -> None:
        """Say that the group of a question is handled, or not; of questions up to `until`."""
        said: dict[str, object] = {"handled": handled, **({"until": until} if until else {})}
        await self.backend.send(f"{_PATH}/{question_id}/handled", said, visit, _LOOKED_BACK)
