"""Documents on a shelf: intake and library over a dictionary, for tests of the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from info_assistant.errors import NotFound
from info_assistant.ingestion.access import explain
from info_assistant.ingestion.entries import Edit, EntryEdit
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    Hold,
    HoldKind,
    document_id,
)
from info_assistant.model.identity import AccessScope, Caller
from info_assistant.model.passage import Passage, Span
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.model.visibility import Explanation
from info_assistant.ports import DocumentFilter, StatusPage

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
PASSAGE = Passage(
    id="p1",
    tenant="default",
    document_id=document_id("default", "guide.md"),
    version=1,
    ordinal=0,
    title="Guide",
    source="guide.md",
    access=("everyone",),
    heading_path=("Records",),
    table_header="",
    page=None,
    text="Write to the records office. It answers within thirty days.",
    start=10,
    end=69,
    statements=(Span(0, 28), Span(29, 59)),
)


def a_document(source: str = "guide.md", data: bytes = b"# Guide") -> DocumentStatus:
    """Return a document that is ready."""
    content = Content(1, "0" * 64, len(data), "text/markdown")
    document = Document(
        id=document_id("default", source),
        tenant="default",
        source=source,
        title="Guide",
        revision=1,
        content=content,
        access=("everyone",),
        created_at=WHEN,
        updated_at=WHEN,
    )
    return DocumentStatus(document, DocumentState.READY, WHEN, passages=1)


@dataclass(frozen=True)
class KeptBytes:
    """A kept document's bytes."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        """How many there are."""
        return len(self.data)

    async def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return some of them."""
        return self.data[start:end]


@dataclass
class ShelfOfDocuments:
    """Intake and library over a dictionary; `failure` is raised by everything when set."""

    documents: dict[str, tuple[DocumentStatus, bytes]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    failure: Exception | None = None
    purged: list[str] = field(default_factory=list)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def accept(self, caller: Caller, upload: Upload) -> Receipt:
        """Keep the upload."""
        self._check()
        data = upload.data if isinstance(upload.data, bytes) else upload.data.read()
        self.uploads.append(replace(upload, data=data))
        status = a_document(upload.source or upload.filename, data)
        assert caller.scope.tenant == status.document.tenant
        known = self.documents.get(status.document.id)
        self.documents[status.document.id] = (status, data)
        return Receipt(status, "unchanged" if known == (status, data) else "accepted")

    async def status(self, scope: AccessScope, document_id: str) -> DocumentStatus:
        """Return the state of a kept document."""
        return self._kept(scope, document_id)[0]

    async def document(self, scope: AccessScope, document_id: str) -> Document:
        """Return a kept document."""
        return (await self.status(scope, document_id)).document

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None,
        wanted: DocumentFilter,
    ) -> StatusPage:
        """Return what is kept."""
        self._check()
        assert scope.tenant
        found = [
            status
            for key, (status, _) in sorted(self.documents.items())
            if (after is None or key > after)
            and wanted.state in {None, status.state}
            and wanted.query in status.document.source
            and (wanted.ids is None or key in wanted.ids)
            and scope.may_see(status.document.tenant, status.document.access)
        ]
        following = found[limit - 1].document.id if len(found) > limit else None
        return StatusPage(tuple(found[:limit]), following)

    def _kept(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, bytes]:
        self._check()
        assert scope.tenant
        if document_id not in self.documents or version not in {None, 1}:
            raise NotFound("There is no such document.")
        status, data = self.documents[document_id]
        if not scope.may_see(status.document.tenant, status.document.access):
            raise NotFound("There is no such document.")
        return status, data

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, KeptBytes]:
        """Return what was kept."""
        status, data = self._kept(scope, document_id, version)
        return status, KeptBytes(data)

    async def reading(
        self,
        scope: AccessScope,
        document_id: str,
        version: int | None = None,
        *,
        span: tuple[int, int] = (0, 1),
    ) -> tuple[DocumentStatus, Reading]:
        """Return a kept document as two blocks, whatever the span."""
        del span
        status, _ = self._kept(scope, document_id, version)
        heading = Block(BlockKind.HEADING, "Records", level=1)
        return status, Reading((heading, Block(BlockKind.PARAGRAPH, PASSAGE.text)), title="Guide")

    async def remove(self, caller: Caller, document_id: str, *, purge: bool = False) -> None:
        """Drop a kept document."""
        self.purged += [document_id] if purge else []
        self._kept(caller.scope, document_id)
        del self.documents[document_id]

    async def edit(self, caller: Caller, document_id: str, edit: EntryEdit) -> DocumentStatus:
        """Edit a kept document."""
        return self._change(caller, document_id, edit.of)

    async def hold(
        self, caller: Caller, document_id: str, kind: HoldKind, reason: str
    ) -> DocumentStatus:
        """Hold a kept document back."""
        hold = Hold(kind, reason, caller.subject, WHEN)
        return self._change(caller, document_id, lambda document: replace(document, hold=hold))

    async def restore(self, caller: Caller, document_id: str) -> DocumentStatus:
        """Let a kept document into answers again."""
        return self._change(caller, document_id, lambda document: replace(document, hold=None))

    async def retry(self, caller: Caller, document_id: str) -> DocumentStatus:
        """Do as if a kept document were tried again."""
        return self._kept(caller.scope, document_id)[0]

    async def versions(
        self, scope: AccessScope, document_id: str, *, before: int, limit: int
    ) -> Sequence[Document]:
        """Return the one version of a kept document."""
        status, _ = self._kept(scope, document_id)
        return [status.document][:limit] if before > 1 else []

    async def passages(
        self, scope: AccessScope, document_id: str, *, first: int, limit: int
    ) -> tuple[DocumentStatus, Sequence[Passage]]:
        """Return the one passage of a kept document."""
        status, _ = self._kept(scope, document_id)
        return status, [PASSAGE][first : first + limit]

    def _change(self, caller: Caller, document_id: str, edit: Edit) -> DocumentStatus:
        status, data = self._kept(caller.scope, document_id)
        changed = edit(status.document)
        state = DocumentState.WITHDRAWN if changed.hold else DocumentState.READY
        status = replace(status, document=changed, state=state)
        self.documents[document_id] = (status, data)
        return status

    async def explain_access(
        self, tenant: str, document_id: str, scope: AccessScope
    ) -> Explanation:
        """Explain a kept document."""
        status, _ = self.documents[document_id]
        assert tenant == status.document.tenant
        return explain(scope, status.document, status.state, None)
