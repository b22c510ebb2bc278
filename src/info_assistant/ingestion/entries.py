"""Edits of a document's entry: what people say about it, who may see it, what holds it back."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import structlog

from info_assistant.errors import Conflict, InvalidRequest, NotFound, Unavailable
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.visibility import VisibilityOverlay, access_change
from info_assistant.model.document import Document
from info_assistant.model.identity import Caller, Role
from info_assistant.model.metadata import Metadata
from info_assistant.ports import Clock

LONGEST_SOURCE, LONGEST_TITLE, LONGEST_URL, LONGEST_MARKING, LONGEST_TAG = 500, 300, 2000, 100, 60
MOST_TAGS = 50

_ATTEMPTS = 5
_PROJECT_S = 2.0
# The common part of BCP 47: a language, then script, region and variants.
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8}){0,4}")

_LOG = structlog.get_logger(__name__)

Edit = Callable[[Document], Document]
"""Makes of an entry what it should be; revision and time are added."""


@dataclass(frozen=True, slots=True)
class EntryEdit:
    """What to change of an entry: title and groups unless None, and the fields `names`."""

    title: str | None = None
    access: tuple[str, ...] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    names: frozenset[str] = frozenset()

    def of(self, document: Document) -> Document:
        """Return the entry as it should be. Raises InvalidRequest for dates that contradict."""
        metadata = document.metadata.updated(self.metadata, self.names)
        require_order(metadata)
        return replace(
            document,
            title=document.title if self.title is None else self.title,
            access=document.access if self.access is None else self.access,
            metadata=metadata,
        )


class Entries:
    """Edits entries: first in the catalogue, then for every replica, then in the projections."""

    def __init__(self, stores: Stores, visibility: VisibilityOverlay, clock: Clock) -> None:
        """Use these stores; `visibility` is told of every edit."""
        self._stores = stores
        self._visibility = visibility
        self._clock = clock

    async def change(self, caller: Caller, document_id: str, edit: Edit) -> Document:
        """Change an entry.

        In force here, for answers under way too, when this returns, and on every other replica
        within 2 s; the index follows, now or, while Qdrant is down, later. Callers may do this with
        what they see, operators with each document of their tenant: one that is closed to all by
        mistake would stay so. Raises NotFound, Conflict, ObjectStorageUnavailable, and what `edit`
        raises.
        """
        self._visibility.require_room()
        changed = await self._commit(caller, document_id, edit)
        await self._visibility.announce(access_change(changed))
        try:
            async with asyncio.timeout(_PROJECT_S):
                await self.project(changed)
        except (TimeoutError, Unavailable) as exc:
            code = getattr(exc, "code", "timeout")
            _LOG.warning("edit not in the index yet", document_id=document_id, error=code)
        return changed

    async def project(self, document: Document) -> None:
        """Carry an entry into the index and onto the board, progress left as it is.

        Raises VectorStoreUnavailable.
        """
        # The board last: what it shows, the index has.
        await self._stores.passages.set_entry(document)
        await self._stores.board.set_entry(document)

    async def _commit(self, caller: Caller, document_id: str, edit: Edit) -> Document:
        tenant = caller.scope.tenant
        for _ in range(_ATTEMPTS):
            document = await self._stores.catalogue.latest(tenant, checked_id(document_id))
            if document is None or not may_edit(caller, document):
                raise unknown_document(document_id)
            edited = edit(document)
            if edited == document:
                # Told all the same: an attempt before this one may have come only so far.
                return document
            changed = replace(edited, revision=document.revision + 1, updated_at=self._clock.now())
            if await self._stores.catalogue.commit(changed):
                return changed
        raise Conflict(
            "The document is being changed by others at this moment, so nothing was changed. "
            "Try again in a moment.",
            retry_after_s=1,
        )


def may_edit(caller: Caller, document: Document) -> bool:
    """Whether a caller may edit a document: who sees it, and operators of its tenant."""
    if caller.role.includes(Role.OPERATOR):
        return caller.scope.tenant == document.tenant
    return caller.scope.may_see(document.tenant, document.access)


def checked_metadata(metadata: Metadata) -> Metadata:
    """Return metadata as it is stored: trimmed, each tag once. Raises InvalidRequest."""
    checked = Metadata(
        source_url=metadata.source_url and _url(metadata.source_url.strip()),
        language=metadata.language and _language(metadata.language.strip()),
        effective=metadata.effective,
        superseded=metadata.superseded,
        review_by=metadata.review_by,
        marking=metadata.marking and checked_text("marking", metadata.marking, LONGEST_MARKING),
        tags=tuple(sorted({checked_text("tag", tag, LONGEST_TAG) for tag in metadata.tags})),
    )
    if len(checked.tags) > MOST_TAGS:
        raise InvalidRequest(f"A document may have up to {MOST_TAGS} tags; leave some out.")
    require_order(checked)
    return checked


def require_order(metadata: Metadata) -> None:
    """Return if the dates fit each other. Raises InvalidRequest."""
    begins, ends = metadata.effective, metadata.superseded
    if begins and ends and ends <= begins:
        raise InvalidRequest(
            f"A document that takes effect on {begins} cannot be superseded on {ends} already. "
            "Correct `effective` or `superseded`."
        )


def checked_text(what: str, value: str, limit: int) -> str:
    """Return a line of text without blanks around it. Raises InvalidRequest."""
    value = value.strip()
    if value and len(value) <= limit and value.isprintable():
        return value
    raise InvalidRequest(
        f"The {what} must have 1 to {limit} characters, all of them printable. Please name another."
    )


def checked_id(document_id: str) -> str:
    """Return an id that may become part of an object's name. Raises NotFound for all others."""
    if len(document_id) == len("00000000-0000-0000-0000-000000000000") and not set(
        document_id
    ).difference("0123456789abcdef-"):
        return document_id
    raise unknown_document(document_id)


def unknown_document(document_id: str) -> NotFound:
    """Return the word that a document is not there, or not for this caller."""
    return NotFound(
        f"There is no document {document_id[:80]!r} that you may see. It may have been removed; "
        "the list of documents shows what there is."
    )


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        fits = False
    if fits and value.isprintable() and " " not in value and len(value) <= LONGEST_URL:
        return value
    raise InvalidRequest(
        "`source_url` must be an address that begins with https:// or http://, of up to "
        f"{LONGEST_URL} characters."
    )


def _language(value: str) -> str:
    if _LANGUAGE.fullmatch(value):
        return value
    raise InvalidRequest(
        f"{value[:40]!r} is no language tag. Use one such as `en`, `en-AU` or `fr-CA`."
    )
