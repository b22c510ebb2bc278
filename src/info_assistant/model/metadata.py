"""What people say about a document beside its content: dates, language, marking, tags."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is said about a document; None, or no tags, where nothing is.

    From `effective` on the document counts, from `superseded` on it counts no more; by `review_by`
    somebody wants to look at it again. `marking` is its protective marking as its owner writes it
    ("OFFICIAL"). `language` is a tag of BCP 47 such as `en-AU`.
    """

    source_url: str | None = None
    language: str | None = None
    effective: date | None = None
    superseded: date | None = None
    review_by: date | None = None
    marking: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def stated(self) -> frozenset[str]:
        """The names of the fields that something is said in."""
        return frozenset(name for name in FIELDS if getattr(self, name) not in (None, ()))

    def updated(self, newer: Self, names: AbstractSet[str] | None = None) -> Self:
        """Return this with the fields `names` of `newer`: by default those it says something in.

        So a later upload adds to what is known and never wipes it out; an edit that names a field
        can empty it.
        """
        wanted = newer.stated if names is None else names
        changes: dict[str, Any] = {name: getattr(newer, name) for name in wanted}
        return replace(self, **changes)


FIELDS = tuple(each.name for each in fields(Metadata))
"""The names of what can be said."""
