"""Changing who may see a document, on real stores: in force at once, in the index in the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import allowed
from tests.ingestion.conftest import make_place

from info_assistant.errors import Conflict, Forbidden, InvalidRequest, NotFound
from info_assistant.ingestion.access import MOST_GROUPS
from info_assistant.ingestion.entries import EntryEdit
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.document import Document, DocumentState, Tombstone
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope, Caller, Role
from info_assistant.model.passage import IndexedPassage, Passage, PassageVectors
from info_assistant.model.question import Filters

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place

FEED = "system/changes"
EVERYBODY = LOCAL_OPERATOR.scope


def member(*groups: str, role: Role = Role.CONTRIBUTOR, tenant: str = "default") -> Caller:
    """Return a caller in these groups and in the one of everybody."""
    return Caller("somebody", role, AccessScope(tenant, frozenset({"everyone", *groups})))


HR, IT = member("hr"), member("it")
OPERATOR_OF_ALL = member("hr", "it", role=Role.OPERATOR)


async def accept(
    place: "Place", text: str, access: Sequence[str] = (), caller: Caller = LOCAL_OPERATOR
) -> Receipt:
    """Upload a text."""
    return await place.intake.accept(caller, Upload(text.encode(), "a.txt", access=tuple(access)))


async def ready(place: "Place", receipt: Receipt, caller: Caller = LOCAL_OPERATOR) -> Document:
    """Return the document once it can be searched."""
    document = receipt.status.document

    async def look() -> Document | None:
        status = await place.library.status(caller.scope, document.id)
        return status.document if status.state is DocumentState.READY else None

    return await place.eventually(look)


async def found(place: "Place", caller: Caller) -> list[Passage]:
    """Return what a search finds that may be shown."""
    vectors = await place.embedder.embed_question("secret words")
    hits = await place.stores.passages.search(caller.scope, vectors, Filters(), 20)
    passages = [each.passage for each in hits]
    return [each for each in passages if place.library.visibility.may_show(caller.scope, each)]


async def seen(place: "Place", caller: Caller, document_id: str) -> dict[str, bool]:
    """Return by which ways a caller sees the document; each is asked about on its own."""
    library, ways = place.library, dict[str, bool]()
    for name, look in (
        ("status", library.status),
        ("text", library.reading),
        ("original", library.original),
    ):
        try:
            await look(caller.scope, document_id)
            ways[name] = True
        except NotFound:
            ways[name] = False
    page = await library.page(caller.scope, limit=50)
    ways["list"] = document_id in {each.document.id for each in page.statuses}
    ways["search"] = document_id in {each.document_id for each in await found(place, caller)}
    return ways


def everything(*, visible: bool) -> dict[str, bool]:
    """Return the ways to see a document, all open or all closed."""
    return dict.fromkeys(("status", "text", "original", "list", "search"), visible)


async def test_narrowed_widened_and_narrowed_again(
    place: "Place", another_process: "Place"
) -> None:
    """Each change counts at once in every way to a document, here and, after a look, elsewhere."""
    receipt = await accept(place, "Secret words.")
    document_id = receipt.status.document.id
    async with place.working():
        before = await ready(place, receipt)
        for groups in (["hr"], ["hr", "it"], ["it"]):
            status = await place.library.edit(
                OPERATOR_OF_ALL, document_id, EntryEdit(access=tuple(groups))
            )
            assert status.document.access == tuple(groups)
            assert status.state is DocumentState.READY
            await another_process.library.visibility.refresh()
            for process in (place, another_process):
                for caller, group in ((HR, "hr"), (IT, "it")):
                    expected = everything(visible=group in groups)
                    assert await seen(process, caller, document_id) == expected
                assert await seen(process, member(), document_id) == everything(visible=False)
    latest = await place.stores.catalogue.latest("default", document_id)
    assert latest is not None
    assert latest.content == before.content
    assert latest.revision == before.revision + 3


async def test_the_index_learns_it_and_keeps_the_rest(place: "Place") -> None:
    """Index and board carry the new groups after the change; title and state are as before."""
    receipt = await accept(place, "# A better title\n\nSecret words.")
    async with place.working():
        document = await ready(place, receipt)
        shown = await place.library.status(EVERYBODY, document.id)
        status = await place.library.edit(
            LOCAL_OPERATOR, document.id, EntryEdit(access=("hr", "everyone"))
        )
        on_board = await place.stores.board.get(HR.scope, document.id)
    (passage,) = await found(place, HR)
    assert passage.access == ("everyone", "hr")
    assert passage.access_revision == status.document.revision == document.revision + 1
    assert on_board is not None
    assert on_board.document.access == ("everyone", "hr")
    assert (on_board.state, on_board.passages) == (shown.state, shown.passages)
    assert on_board.document.title == shown.document.title


async def test_a_late_projection_undoes_no_later_one(place: "Place") -> None:
    """Whoever writes to the index last, the highest revision's groups stay."""
    receipt = await accept(place, "Secret words.")
    async with place.working():
        document = await ready(place, receipt)
    newer = replace(document, revision=5, access=("hr",))
    older = replace(document, revision=4, access=("it",))
    for each in (newer, older):
        await place.library.project_entry(each)
    (passage,) = await found(place, HR)
    assert (passage.access, passage.access_revision) == (("hr",), 5)
    assert await found(place, IT) == []
    on_board = await place.stores.board.get(HR.scope, document.id)
    assert on_board is not None
    assert (on_board.document.access, on_board.document.revision) == (("hr",), 5)
    assert await place.stores.board.get(IT.scope, document.id) is None


async def test_qdrant_down_during_the_change(own_place: "Place", tmp_path: Path) -> None:
    """The change counts all the same, on a replica started meanwhile too; the index follows."""
    place = own_place
    place.process.start()
    receipt = await accept(place, "Secret words.")
    async with place.working():
        document = await ready(place, receipt)
    place.process.stop()
    began = time.monotonic()
    status = await place.library.edit(
        member("hr", role=Role.OPERATOR), document.id, EntryEdit(access=("hr",))
    )
    assert time.monotonic() - began < allowed(10)
    assert status.document.access == ("hr",)
    started = make_place(tmp_path / "objects", place.process)
    await started.library.visibility.refresh()
    place.process.start()
    # The index still says what it said, and nobody is shown it.
    for process in (place, started):
        assert await seen(process, member(), document.id) == everything(visible=False)
        assert (await seen(process, HR, document.id))["text"]
    async with started.working():

        async def mended() -> bool | None:
            found_by_hr = [each.access for each in await found(started, HR)]
            return found_by_hr == [("hr",)] or None

        await started.eventually(mended)
        assert await ready(started, receipt, HR)
    assert await seen(started, member(), document.id) == everything(visible=False)
    assert await seen(started, HR, document.id) == everything(visible=True)
    await started.qdrant.close()


class GatedEmbedder:
    """Embeds passages only once the gate is open."""

    identity = "hash@1"

    def __init__(self, place: "Place") -> None:
        """Embed as the place does."""
        self._inner = place.embedder
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()

    async def embed_question(self, text: str) -> object:
        """Embed a question."""
        return await self._inner.embed_question(text)

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Wait for the gate, then embed."""
        self.reached.set()
        await self.gate.wait()
        return await self._inner.embed_passages(passages)


@pytest.mark.parametrize("who", ["this process", "another process"])
async def test_narrowed_while_it_is_taken_in(
    place: "Place", another_process: "Place", who: str
) -> None:
    """A document under way comes to `ready` with the groups that it is open to by then."""
    embedder = GatedEmbedder(place)
    tools = place.worker._tools
    place.worker._tools = replace(tools, embedder=embedder)  # type: ignore[arg-type]
    receipt = await accept(place, "Secret words.", ["hr", "everyone"])
    document_id = receipt.status.document.id
    async with place.working():
        async with asyncio.timeout(60):
            await embedder.reached.wait()
        changing = place if who == "this process" else another_process
        await changing.library.edit(HR, document_id, EntryEdit(access=("hr",)))
        embedder.gate.set()
        await ready(place, receipt, HR)
    # What the index says by itself, without the changes that are held in memory.
    vectors = await place.embedder.embed_question("secret words")
    assert await place.stores.passages.search(EVERYBODY, vectors, Filters(), 20) == []
    assert len(await place.stores.passages.search(HR.scope, vectors, Filters(), 20)) == 1
    assert (await place.library.page(EVERYBODY, limit=5)).statuses == ()


async def test_a_change_without_its_announcement_is_found(place: "Place") -> None:
    """A process that dies right after the commit has changed the document for good all the same."""
    receipt = await accept(place, "Secret words.")
    async with place.working():
        document = await ready(place, receipt)
        changed = replace(document, revision=document.revision + 1, access=("hr",))
        assert await place.stores.catalogue.commit(changed)

        async def closed() -> bool | None:
            open_to = await seen(place, member(), document.id)
            return open_to == everything(visible=False) or None

        await place.eventually(closed)
        assert (await place.library.status(HR.scope, document.id)).state is DocumentState.READY
    assert await seen(place, HR, document.id) == everything(visible=True)


async def test_a_removal_is_not_undone_by_a_change(place: "Place") -> None:
    """A change of access that a removal overtook revives nothing, and is swept away."""
    receipt = await accept(place, "Secret words.")
    async with place.working():
        document = await ready(place, receipt)
        await place.library.remove(LOCAL_OPERATOR, document.id)
        late = replace(document, revision=document.revision + 1, access=("everyone", "hr"))
        assert await place.stores.catalogue.commit(late)
        assert await seen(place, HR, document.id) == everything(visible=False)

        async def swept() -> bool | None:
            left = [key async for key in place.blobs.keys("default/documents")]
            return not left or None

        await place.eventually(swept)
    again = await accept(place, "Secret words, once more.")
    assert again.status.document.revision > late.revision


async def test_changes_leave_the_feed_when_the_index_has_them(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes later the reconciler repairs what was written late, and takes the change off."""
    receipt = await accept(place, "Secret words.")
    async with place.working():
        document = await ready(place, receipt)
    vectors = await place.embedder.embed_question("secret words")
    (stale,) = await place.stores.passages.search(EVERYBODY, vectors, Filters((document.id,)), 5)
    await place.library.edit(
        member("hr", role=Role.OPERATOR), document.id, EntryEdit(access=("hr",))
    )
    closing = max([key async for key in place.blobs.keys(FEED)])
    other = await place.intake.accept(LOCAL_OPERATOR, Upload(b"Other.", "b.txt"))
    await place.library.edit(
        LOCAL_OPERATOR, other.status.document.id, EntryEdit(access=("everyone", "x"))
    )
    # A slow writer elsewhere, which had read the document before, writes over the passages.
    await place.stores.passages.remove_document(document.id)
    (again,) = await place.embedder.embed_passages([stale.passage])
    await place.stores.passages.write([IndexedPassage(stale.passage, again)])
    assert (
        len(await place.stores.passages.search(EVERYBODY, vectors, Filters((document.id,)), 5)) == 1
    )
    assert await found(place, member()) == []
    now = datetime.now(UTC) + timedelta(minutes=11)
    monkeypatch.setattr(type(place.clock), "now", lambda _clock: now)
    await place.library.visibility.refresh()
    async with place.working():

        async def cleared() -> bool | None:
            return closing not in [key async for key in place.blobs.keys(FEED)] or None

        await place.eventually(cleared)
    assert await place.stores.passages.search(EVERYBODY, vectors, Filters((document.id,)), 5) == []


@pytest.mark.parametrize(
    ("caller", "groups", "error"),
    [
        (HR, [], InvalidRequest),
        (HR, ["hr", ""], InvalidRequest),
        (HR, ["hr", " it"], InvalidRequest),
        (HR, ["hr", "i\nt"], InvalidRequest),
        (HR, ["hr", "g" * 201], InvalidRequest),
        (HR, ["hr", *(f"g{n}" for n in range(MOST_GROUPS))], InvalidRequest),
        (HR, ["it"], Forbidden),
        (member("it", tenant="other"), ["it"], NotFound),
        (IT, ["it"], NotFound),
    ],
)
async def test_what_is_refused_changes_nothing(
    place: "Place", caller: Caller, groups: list[str], error: type[Exception]
) -> None:
    """No groups, no names, groups of others, documents of others: refused before any change."""
    receipt = await accept(place, "Secret words.", ["hr"], HR)
    before = [key async for key in place.blobs.keys("")]
    with pytest.raises(error):
        await place.library.edit(
            caller, receipt.status.document.id, EntryEdit(access=tuple(groups))
        )
    if caller is HR:
        with pytest.raises(error):
            await accept(place, "New words.", groups or ["\t"], HR)
    assert [key async for key in place.blobs.keys("")] == before


async def test_an_operator_may_close_a_document_to_themselves(place: "Place") -> None:
    """Operators can leave themselves out and come back; the same change twice is one revision."""
    receipt = await accept(place, "Secret words.")
    document_id = receipt.status.document.id
    operator = member("it", role=Role.OPERATOR)
    status = await place.library.edit(operator, document_id, EntryEdit(access=("hr", "hr")))
    assert status.document.access == ("hr",)
    assert status.document.revision == 2
    again = await place.library.edit(HR, document_id, EntryEdit(access=("hr",)))
    assert again.document.revision == 2
    assert await seen(place, operator, document_id) == everything(visible=False)
    back = await place.library.edit(operator, document_id, EntryEdit(access=("it",)))
    assert (back.document.revision, back.document.access) == (3, ("it",))
    elsewhere = member("it", role=Role.OPERATOR, tenant="other")
    with pytest.raises(NotFound):
        await place.library.edit(elsewhere, document_id, EntryEdit(access=("it",)))


async def test_an_upload_names_its_groups_and_a_new_version_keeps_them(place: "Place") -> None:
    """Groups come with an upload, stay with later versions, and count at once when they change."""
    first = await accept(place, "Secret words.", ["hr"], HR)
    document_id = first.status.document.id
    async with place.working():
        await ready(place, first, HR)
        with pytest.raises(Conflict):
            await accept(place, "Secret words of others.", caller=IT)
        assert (await accept(place, "Secret words.", caller=HR)).outcome == "unchanged"
        second = await accept(place, "More secret words.", caller=HR)
        assert second.status.document.access == ("hr",)
        await ready(place, second, HR)
    # The worker rests: the old version is what a search finds.
    third = await accept(place, "More secret words.", ["hr", "it"], HR)
    assert third.outcome == "accepted"
    assert await found(place, member()) == []
    fourth = await accept(place, "Most secret words.", ["it"], member("hr", "it"))
    assert fourth.status.document.access == ("it",)
    assert await seen(place, HR, document_id) == everything(visible=False)


async def test_an_upload_looks_at_the_catalogue_once(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at a document's names is enough for an upload, new or not."""
    looked: list[str] = []
    keys = place.blobs.keys

    def counted(prefix: str) -> AsyncIterator[str]:
        looked.append(prefix)
        return keys(prefix)

    monkeypatch.setattr(place.blobs, "keys", counted)
    for text in ("Secret words.", "Other words."):
        looked.clear()
        document_id = (await accept(place, text)).status.document.id
        ours = [prefix for prefix in looked if prefix.endswith(document_id)]
        assert ours == [
            f"default/{kind}/{document_id}" for kind in ("documents", "tombstones", "tombstones")
        ]


async def test_access_is_explained(place: "Place") -> None:
    """Each reason for seeing a document or not is told in a sentence and in its parts."""
    receipt = await accept(place, "Secret words.", ["hr", "it"], HR)
    document_id = receipt.status.document.id
    explain = place.library.explain_access
    told = await explain("default", document_id, HR.scope)
    assert (told.visible, told.shared_groups, told.state) == (True, ("hr",), "accepted")
    assert "`hr`" in told.because
    assert "yet" in told.because
    told = await explain("default", document_id, member("x").scope)
    assert (told.visible, told.shared_groups) == (False, ())
    assert "open to `hr` and `it`" in told.because
    told = await explain("default", document_id, member("hr", tenant="other").scope)
    assert (told.visible, told.tenant_matches) == (False, False)
    assert "another tenant" in told.because
    async with place.working():
        await ready(place, receipt, HR)
    told = await explain("default", document_id, HR.scope)
    assert (told.state, told.document_groups) == ("ready", ("hr", "it"))
    assert "Answers can cite it." in told.because
    await place.library.remove(HR, document_id)
    told = await explain("default", document_id, HR.scope)
    assert (told.visible, told.document_groups) == (False, None)
    assert told.tombstone is not None
    assert f"removed on {told.tombstone:%Y-%m-%d}" in told.because
    for tenant, identity in (("other", document_id), ("default", "0" * 36)):
        with pytest.raises(NotFound):
            await explain(tenant, identity, HR.scope)


async def test_a_tombstone_alone_hides_after_a_restart(
    place: "Place", another_process: "Place"
) -> None:
    """A removal whose word never reached the feed is found by the next process's reconciler."""
    receipt = await accept(place, "Secret words.")
    async with place.working():
        document = await ready(place, receipt)
    await place.stores.catalogue.bury(
        Tombstone("default", document.id, document.revision, datetime.now(UTC), "somebody")
    )
    async with another_process.working():

        async def gone() -> bool | None:
            ways = await seen(another_process, member(), document.id)
            return ways == everything(visible=False) or None

        await another_process.eventually(gone)


async def test_versions_of_a_removed_document_stay_gone_when_its_name_is_used_again(
    place: "Place",
) -> None:
    """Who sees the new document sees nothing of the old one, swept or not."""
    removed = (await accept(place, "Secret words.", ["hr"], HR)).status.document
    await place.stores.catalogue.bury(
        Tombstone("default", removed.id, removed.revision, datetime.now(UTC), "somebody")
    )
    anew = (await accept(place, "Plain words.", caller=IT)).status.document
    assert (anew.id, anew.content.version) == (removed.id, removed.content.version + 1)
    assert await place.stores.catalogue.revision("default", removed.id, removed.revision)
    for way in (place.library.original, place.library.reading):
        with pytest.raises(NotFound, match="no version 1"):
            await way(IT.scope, removed.id, removed.content.version)
    assert await place.original(IT.scope, anew.id) == b"Plain words."
