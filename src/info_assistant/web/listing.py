"""What of the list of documents is wanted, as its address says it: sought, sorted, from where on.

The backend gives documents in the order of their ids. In another order they are sorted here, which
is honest only where all of them are at hand: of more than MOST_SORTED the page says so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Self
from urllib.parse import urlencode

from info_assistant.web import words
from info_assistant.web.languages import N_
from info_assistant.web.replies import Document

MOST_SORTED = 1000
"""How many documents are asked for where they are to be sorted: the most that the API gives."""

MOST_FOLLOWED = 20
"""Of how many documents handed in together the list shows these alone, until they are read."""

_LONGEST = 500
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LARGEST_START = 10**6
_NEVER = datetime.min.replace(tzinfo=UTC)
_GROUP = re.compile(r"[^,\x00-\x1f]{1,100}")

ORDERS = {
    "title": N_("By title"),
    "state": N_("By state"),
    "changed": N_("Changed last first"),
    "review": N_("To be reviewed first"),
}
"""In which orders documents can be listed, by the word in the address."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks for; a field that says nothing is empty."""

    q: str = ""
    state: str = ""
    access: str = ""
    review_before: str = ""
    sort: str = ""
    after: str = ""
    start: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Read an address; what makes no sense in it counts for nothing."""
        said = {each.name: given.get(each.name, "").strip()[:_LONGEST] for each in fields(cls)}
        return cls(
            q=said["q"],
            state=said["state"] if said["state"] in words.STATES else "",
            access=said["access"] if _GROUP.fullmatch(said["access"]) else "",
            review_before=said["review_before"] if _is_day(said["review_before"]) else "",
            sort=said["sort"] if said["sort"] in ORDERS else "",
            after=said["after"],
            start=said["start"] if _is_number(said["start"]) else "",
        )

    @property
    def sought(self) -> bool:
        """Whether some documents are left out."""
        return bool(self.q or self.state or self.access or self.review_before)

    @property
    def continued(self) -> bool:
        """Whether the list does not begin with its first document."""
        return bool(self.after or self.start)

    @property
    def asked(self) -> Mapping[str, str]:
        """What the API is asked for."""
        return {
            "q": self.q,
            "state": self.state,
            "access": self.access,
            "review_before": self.review_before,
            "after": "" if self.sort else self.after,
        }

    def address(self, **changes: str) -> str:
        """Return the address of the same list from its beginning, with these changes."""
        changed = replace(self, **{"after": "", "start": "", **changes})
        said = {each.name: getattr(changed, each.name) for each in fields(changed)}
        query = urlencode({name: value for name, value in said.items() if value})
        return f"/documents?{query}" if query else "/documents"

    def sorted(self, documents: Sequence[Document]) -> Sequence[Document]:
        """Return documents in the order that is asked for."""
        ordered = sorted(documents, key=lambda each: each.name.casefold())
        if self.sort == "state":
            states: list[str] = list(words.STATES)
            ordered.sort(key=lambda each: states.index(each.state) if each.state in states else -1)
        if self.sort == "changed":
            ordered.sort(key=lambda each: each.updated_at or _NEVER, reverse=True)
        if self.sort == "review":
            ordered.sort(key=lambda each: each.review_by or date.max)
        return ordered

    def part(self, documents: Sequence[Document], size: int) -> tuple[Sequence[Document], str]:
        """Return what of sorted documents is shown, and the address of what follows, if any."""
        start = int(self.start or 0)
        following = start + size
        more = self.address(start=str(following)) if following < len(documents) else ""
        return documents[start:following], more


def followed(ids: Sequence[str]) -> Sequence[str]:
    """Return which documents an address asks to follow, each once; nonsense counts for nothing."""
    return [each for each in dict.fromkeys(ids[:MOST_FOLLOWED]) if _ID.fullmatch(each)]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_START))
