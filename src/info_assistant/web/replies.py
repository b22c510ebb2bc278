"""What the backend's API replies, as far as a page shows it.

Unknown fields are ignored and most fields may be missing, so that the page goes on working beside a
backend of a neighbouring version.
"""

from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from info_assistant.model.identity import DEFAULT_TENANT


def _scalar_as_text(value: object) -> object:
    """Turn null into nothing; a field for people must not say 'None'."""
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_scalar_as_text)]


class Reply(BaseModel):
    """Base of all replies: frozen, tolerant of fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Dated(Reply):
    """What a document's owner says of it: from when until when it counts, and its marking."""

    effective: date | None = None
    superseded: date | None = None
    marking: Text = ""


class Hold(Reply):
    """Why a document is held back from answers."""

    kind: Text = ""
    reason: Text = ""
    since: datetime | None = None


class Citation(Dated):
    """A verbatim quote with its place; `start` and `end` are offsets in the document's text."""

    n: int = 0
    document_id: Text = ""
    title: Text = ""
    source: Text = ""
    version: int = 1
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    quote: Text = ""
    start: int = 0
    end: int = 0
    language: Text = ""

    @property
    def name(self) -> str:
        """What people call the document."""
        return self.title or self.source

    @property
    def place(self) -> str:
        """Query string and fragment of the source page, with the passage marked."""
        return _place(self.version, self.start, self.end)


def _place(version: int, start: int, end: int) -> str:
    query = urlencode({"v": version, "start": start, "end": end})
    return f"?{query}#passage"


class Sentence(Reply):
    """A sentence of an answer, with the numbers of its citations."""

    text: Text = ""
    citations: tuple[int, ...] = ()
    support: Text = "supported"


class ConflictSide(Reply):
    """What one source says; `value` is what differs, as it is written."""

    n: int = 0
    value: Text = ""
    document_id: Text = ""
    title: Text = ""
    version: int = 1
    page: int | None = None
    effective: date | None = None
    quote: Text = ""
    start: int = 0
    end: int = 0
    language: Text = ""

    @property
    def place(self) -> str:
        """Query string and fragment of the source page, with the statement marked."""
        return _place(self.version, self.start, self.end)


class Conflict(Reply):
    """Sources that say different things of the same."""

    kind: Text = ""
    sides: tuple[ConflictSide, ...] = ()


class ServedBy(Reply):
    """Where an answer came from."""

    provider: Text = ""
    model: Text = ""
    cache: Text = "off"
    switch: Text = ""


class Answer(Reply):
    """The outcome of one question."""

    id: Text = ""
    status: str
    answer_mode: Text = ""
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    see_also: tuple[Citation, ...] = ()
    served_by: ServedBy = Field(default_factory=ServedBy)
    degraded: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()
    documents_as_of: datetime | None = None
    given_at: datetime | None = None
    documents_changed_since: bool | None = None
    conflicts: tuple[Conflict, ...] = ()

    @property
    def numbers(self) -> frozenset[int]:
        """The citation numbers that a link can lead to."""
        return frozenset(citation.n for citation in self.citations)

    def language_of(self, sentence: Sentence) -> str:
        """Return the language of what a sentence quotes, "" where it is not known."""
        found = (each.language for each in self.citations if each.n in sentence.citations)
        return next(found, "")

    def citing(self, n: int) -> tuple[int, ...]:
        """Return the places, from 1, of the sentences that rest on citation `n`."""
        numbered = enumerate(self.sentences, start=1)
        return tuple(place for place, sentence in numbered if n in sentence.citations)


class RecordedAnswer(Reply):
    """A question with the answer that it was given, as far as the reader may see it now."""

    id: Text = ""
    at: datetime | None = None
    question: Text = ""
    answer: Answer
    conversation_id: Text = ""


class Progress(Reply):
    """How much of the present stage is done."""

    done: int = 0
    total: int = 0
    unit: Text = ""


class Document(Dated):
    """A document and how far it has come on its way in."""

    id: str
    title: Text = ""
    source: Text = ""
    state: Text = ""
    detail: Text = ""
    progress: Progress | None = None
    version: int = 1
    media_type: Text = ""
    updated_at: datetime | None = None
    review_by: date | None = None
    hold: Hold | None = None
    access: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether it goes on no more by itself."""
        return self.state in {"ready", "failed", "withdrawn"}

    @property
    def name(self) -> str:
        """What people call the document."""
        return self.title or self.source

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been reviewed before a day."""
        return self.review_by is not None and self.review_by < today

    @property
    def readable(self) -> bool:
        """Whether its text can be shown."""
        withdrawn = self.hold is not None and self.hold.kind == "withdrawn"
        return self.state == "ready" or (self.state == "withdrawn" and withdrawn)


class Quoted(Reply):
    """An answer that quotes a document; the question is told to who may read it only."""

    id: Text = ""
    at: datetime | None = None
    question: Text = ""


class QuotedBy(Reply):
    """Answers that quote a document, the newest first; `next` continues them."""

    answers: tuple[Quoted, ...] = ()
    next: Text = ""


class Passage(Reply):
    """A passage as it is searched and quoted."""

    number: int = 0
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    text: Text = ""


class Passages(Reply):
    """Some of the passages in which a document is searched; `next` is the number of the next."""

    total: int = 0
    passages: tuple[Passage, ...] = ()
    next: int | None = None


class Outcome(Reply):
    """What became of one document of several; `detail` is why nothing was done to it."""

    id: Text = ""
    outcome: Text = ""
    detail: Text = ""

    @property
    def done(self) -> bool:
        """Whether it was changed."""
        return self.outcome == "done"


class Outcomes(Reply):
    """What became of each of several documents."""

    documents: tuple[Outcome, ...] = ()


class Uploaded(Reply):
    """The documents of an upload."""

    documents: tuple[Document, ...] = ()


class DocumentPage(Reply):
    """One page of the list of documents; `next` continues it."""

    documents: tuple[Document, ...] = ()
    next: str | None = None


class TextBlock(Reply):
    """One heading, paragraph, list item, table row or listing, at [start, end) of the text."""

    kind: Text = "paragraph"
    level: int | None = 0
    page: int | None = None
    text: Text = ""
    start: int = 0
    end: int = 0
    table_header: Text = ""


class Highlight(Reply):
    """A stretch of the document's text to be marked, [start, end)."""

    start: int
    end: int


class DocumentText(Dated):
    """A document as text. `notes` say what could not be read."""

    id: Text = ""
    title: Text = ""
    source: Text = ""
    version: int = 1
    blocks: tuple[TextBlock, ...] = ()
    highlights: tuple[Highlight, ...] = ()
    notes: tuple[str, ...] = ()
    hold: Hold | None = None
    language: Text = ""

    @property
    def name(self) -> str:
        """What people call the document."""
        return self.title or self.source


class Me(Reply):
    """Somebody as the backend knows them."""

    subject: Text = ""
    name: Text = ""
    tenant: Text = ""
    role: Text = ""

    @property
    def organisation(self) -> str:
        """The tenant, where there are several to tell apart."""
        return "" if self.tenant == DEFAULT_TENANT else self.tenant


class ModeInForce(Reply):
    """A mode that operators have turned on: who, why, since when, and when it ends by itself."""

    name: Text = ""
    value: bool | str = ""
    source: Text = ""
    actor: Text = ""
    on_behalf_of: Text = ""
    reason: Text = ""
    since: datetime | None = None
    expires_at: datetime | None = None


class Modes(Reply):
    """The modes in force."""

    modes: tuple[ModeInForce, ...] = ()


class Dependency(Reply):
    """The state of something that the backend depends on."""

    state: Text = "unknown"
    since: datetime | None = None
    last_success: datetime | None = None
    breaker: Text = ""
    detail: Text = ""
    rate_limits: dict[str, str] = Field(default_factory=dict)


class Incident(Reply):
    """Something that is wrong, in the operators' words."""

    id: Text = ""
    title: Text = ""
    status: Text = ""
    message: Text = ""
    started_at: datetime | None = None
    updated_at: datetime | None = None


class Health(Reply):
    """The state of the backend, as far as readers are told."""

    status: Text = "ok"
    modes: tuple[ModeInForce, ...] = ()
    dependencies: dict[str, Dependency] = Field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()

    @property
    def open(self) -> tuple[Incident, ...]:
        """The incidents that are not over."""
        return tuple(each for each in self.incidents if each.status != "resolved")

    def mode(self, name: str) -> ModeInForce | None:
        """Return the mode `name` if it is in force."""
        return next((mode for mode in self.modes if mode.name == name), None)


class ProblemDetails(Reply):
    """An error of the API, in the shape of RFC 9457.

    `status` and `retry_after` are told here where the headers had gone already.
    """

    code: Text = ""
    status: int = 500
    detail: Text = ""
    retry_after: float | None = None
    request_id: Text = ""
    passages: tuple[Citation, ...] = ()
    saved_questions: tuple[Text, ...] = ()
