"""Edits of documents as they travel: of one, and of many at once."""

from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from info_assistant.api.wire import Request, Wire
from info_assistant.api.wire_documents import DocumentBody
from info_assistant.ingestion.entries import EntryEdit
from info_assistant.model.identity import LONGEST_GROUP_NAME
from info_assistant.model.metadata import FIELDS, Metadata

MOST_AT_ONCE = 100
"""Documents that one request may change."""

GroupName = Annotated[str, Field(min_length=1, max_length=LONGEST_GROUP_NAME)]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        description="Why, in a sentence for whoever meets the document.",
    ),
]


class DocumentChange(Request):
    """What to change about a document: what is left out stays, null empties a field."""

    title: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    access: Annotated[list[GroupName], Field(min_length=1, max_length=50)] | None = Field(
        default=None,
        description="The groups that may see it from now on; all others may not.",
        examples=[["hr", "works-council"]],
    )
    source_url: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$")] | None = (
        None
    )
    effective: date | None = Field(default=None, description="From this day on it counts.")
    superseded: date | None = Field(default=None, description="From then on it counts no more.")
    review_by: date | None = Field(default=None, description="To be looked at again by then.")
    marking: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    tags: (
        Annotated[list[Annotated[str, Field(min_length=1, max_length=60)]], Field(max_length=50)]
        | None
    ) = None

    @model_validator(mode="before")
    @classmethod
    def _says_something(cls, given: Any) -> Any:  # noqa: ANN401  Whatever was sent.
        if given == {}:
            raise PydanticCustomError("empty_change", "Nothing is to be changed")
        if isinstance(given, dict):
            for name in ("title", "access"):
                if name in given and given[name] is None:
                    raise PydanticCustomError("not_empty", f"`{name}` cannot be emptied")
        return given

    def edit(self) -> EntryEdit:
        """Return the change as the library takes it."""
        metadata = Metadata(
            source_url=self.source_url,
            language=self.language,
            effective=self.effective,
            superseded=self.superseded,
            review_by=self.review_by,
            marking=self.marking,
            tags=tuple(self.tags or ()),
        )
        return EntryEdit(
            title=self.title,
            access=None if self.access is None else tuple(self.access),
            metadata=metadata,
            names=frozenset(FIELDS).intersection(self.model_fields_set),
        )

    @property
    def told(self) -> str:
        """What is changed, in words for the audit trail."""
        return ", ".join(sorted(self.model_fields_set))


class HoldOrder(Request):
    """Why a document is to be held back."""

    reason: Reason


class Several(Request):
    """Which documents a request is about."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)] = Field(
        description="The documents, each once."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.ids)) < len(self.ids):
            raise PydanticCustomError("repeated_id", "A document is named more than once")
        return self


class SeveralChanges(Several):
    """One change for several documents."""

    change: DocumentChange


class SeveralHolds(Several):
    """Why several documents are to be held back."""

    reason: Reason


class OutcomeBody(Wire):
    """What became of one document: as it is now, or why nothing was done to it."""

    id: str
    outcome: str = Field(description="`done`, or the code of the refusal.")
    detail: str
    document: DocumentBody | None


class OutcomesBody(Wire):
    """What became of each document, in the order in which they were named."""

    documents: list[OutcomeBody]
