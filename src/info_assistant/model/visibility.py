"""Changes of what may be seen of a document, as replicas tell them to each other."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChangeKind(StrEnum):
    """What happened: the document is gone, other groups may see it or find it, or it reads anew."""

    REMOVED = "removed"
    ACCESS = "access"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class VisibilityChange:
    """One change. Of two about the same document the higher revision counts, whenever they come.

    `removed`: nothing may be shown of bytes that came in up to and including `revision`. `access`:
    from `revision` on answers may show the document to the groups in `access`, and lists to those
    in `listed`. These differ while it is held back from answers, which earlier versions of the
    product understand too: they see an access that is open to nobody. `content`: the version
    `revision` has taken the place of all before it; nobody may see more or less for it, but answers
    given before may be other ones now.
    """

    tenant: str
    document_id: str
    kind: ChangeKind
    revision: int
    access: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes told together: the feed's entry `number`, counted from 1, written `at`."""

    number: int
    at: datetime
    changes: tuple[VisibilityChange, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether somebody may see a document, in a sentence (`because`) and in its parts.

    `document_groups` is None where the document is gone. `state` is None while it is not known.
    """

    visible: bool
    because: str
    tenant_matches: bool
    document_groups: tuple[str, ...] | None
    caller_groups: tuple[str, ...]
    shared_groups: tuple[str, ...]
    state: str | None
    tombstone: datetime | None
