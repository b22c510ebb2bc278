"""How often a document is read and quoted, and by how many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class UseKind(StrEnum):
    """What was done with a document: its text opened, its file downloaded, an answer quoted it."""

    OPENED = "opened"
    DOWNLOADED = "downloaded"
    CITED = "cited"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a document; `subject` is who opened it or asked."""

    id: str
    at: datetime
    kind: UseKind
    subject: str


@dataclass(frozen=True, slots=True)
class UseCount:
    """How often a document was used; by how many `people` it was opened or downloaded."""

    opened: int
    downloaded: int
    cited: int
    people: int


@dataclass(frozen=True, slots=True)
class PersonCount:
    """How often one person, or program, opened and downloaded a document, and when last."""

    subject: str
    opened: int
    downloaded: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Readership:
    """The uses of a document from `since` on, which are all."""

    uses: tuple[Use, ...]
    since: datetime

    @property
    def total(self) -> UseCount:
        """All of it."""
        return _counted(self.uses)

    @property
    def days(self) -> Sequence[tuple[date, UseCount]]:
        """Each day (UTC) on which it was used, the newest first."""
        by_day: dict[date, list[Use]] = {}
        for each in self.uses:
            by_day.setdefault(each.at.date(), []).append(each)
        return [(day, _counted(by_day[day])) for day in sorted(by_day, reverse=True)]

    @property
    def people(self) -> Sequence[PersonCount]:
        """Who opened or downloaded it, the last first; who was shown a quote is not among them."""
        people: dict[str, _Person] = {}
        for each in self.uses:
            if each.kind is not UseKind.CITED:
                people.setdefault(each.subject, _Person(each.at)).note(each)
        found = [
            PersonCount(
                subject, each.counts[UseKind.OPENED], each.counts[UseKind.DOWNLOADED], each.last
            )
            for subject, each in people.items()
        ]
        return sorted(found, key=lambda each: (each.last_at, each.subject), reverse=True)


@dataclass(slots=True)
class _Person:
    last: datetime
    counts: Counter[UseKind] = field(default_factory=Counter)

    def note(self, use: Use) -> None:
        self.last = max(self.last, use.at)
        self.counts[use.kind] += 1


def _counted(uses: Sequence[Use]) -> UseCount:
    counts = Counter(each.kind for each in uses)
    people = {each.subject for each in uses if each.kind is not UseKind.CITED}
    return UseCount(
        counts[UseKind.OPENED], counts[UseKind.DOWNLOADED], counts[UseKind.CITED], len(people)
    )
