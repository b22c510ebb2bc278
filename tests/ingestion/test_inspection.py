"""`doctor` finds what differs between the stores, mends it, and finds nothing else."""

from datetime import UTC, datetime, timedelta

from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models
from tests.ingestion.conftest import Place

from info_assistant.ingestion.inspection import Fault, Inspector
from info_assistant.ingestion.intake import Upload
from info_assistant.ingestion.originals import original_key
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.model.identity import LOCAL_OPERATOR


class Later:
    """The time of day in some hours: what was just written is old."""

    def now(self) -> datetime:
        """Return the moment."""
        return datetime.now(UTC) + timedelta(hours=3)


async def faults(place: Place, *, repair: bool = False, later: bool = True) -> dict[Fault, int]:
    """Return how much is wrong in which way, what was mended left out."""
    inspector = Inspector(
        place.stores,
        place.blobs,
        Later() if later else place.clock,
        place.library.sweep if repair else None,
    )
    found = (await inspector.inspect()).faults
    return {fault: group.count - group.mended for fault, group in found.items()}


async def taken_in(place: Place, name: str, text: str) -> DocumentStatus:
    """Take a document in."""
    receipt = await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), name))
    return await place.until(receipt.status.document.id, DocumentState.READY)


async def without_alias(place: Place, alias: str) -> None:
    """Take an alias away, as a crash between two steps may."""
    client = AsyncQdrantClient(url=place.process.url, check_compatibility=False)
    delete = models.DeleteAlias(alias_name=alias)
    await client.update_collection_aliases([models.DeleteAliasOperation(delete_alias=delete)])
    await client.close()


async def test_nothing_is_wrong_where_nothing_is_wrong(place: Place) -> None:
    """Documents that were taken in, replaced and removed leave nothing to find."""
    async with place.working():
        first = await taken_in(place, "a.txt", "One.")
        await place.intake.accept(LOCAL_OPERATOR, Upload(b"Two.", "a.txt"))
        await place.until(first.document.id, DocumentState.READY, version=2)
        gone = await taken_in(place, "b.txt", "Three.")
        await place.library.remove(LOCAL_OPERATOR, gone.document.id)
    assert await faults(place) == {}


async def test_every_kind_of_fault_is_found_and_mended(place: Place) -> None:
    """Orphans, gaps, doubles and stale work are named, mended beside a worker, and gone then."""
    stores = place.stores
    async with place.working():
        whole, lost, doubled, hidden, stale = [
            await taken_in(place, f"{name}.txt", f"Words of {name}.")
            for name in ("whole", "lost", "doubled", "hidden", "stale")
        ]
        stray = await taken_in(place, "stray.txt", "Words of stray.")
    tenant = whole.document.tenant
    await stores.passages.remove_document(lost.document.id)
    await stores.board.put_all(
        [DocumentStatus(doubled.document, DocumentState.READY, doubled.since)]
    )
    await stores.board.remove(tenant, hidden.document.id, up_to=1)
    await stores.board.put_all(
        [DocumentStatus(stale.document, DocumentState.INDEXING, stale.since)]
    )
    # A catalogue that lost an entry: everything else of the document has no owner any more.
    await place.blobs.delete(f"{tenant}/documents/{stray.document.id}/00000001.json")
    await place.blobs.put_new(f"{tenant}/originals/00/{'0' * 64}", b"of nobody")
    await stores.passages.begin_successor()
    await without_alias(place, "passages_next")
    expected = {
        Fault.MISSING_PASSAGES: 1,
        Fault.SURPLUS_PASSAGES: 1,
        Fault.MISSING_STATE: 1,
        Fault.STALE_LEASE: 1,
        Fault.ORPHANED_BYTES: 2,
        Fault.ORPHANED_REFERENCE: 1,
        Fault.ORPHANED_TEXT: 1,
        Fault.ORPHANED_PASSAGES: 1,
        Fault.ORPHANED_STATE: 1,
        Fault.ORPHANED_INDEX: 1,
    }
    assert await faults(place) == expected
    # Looking changed nothing, and mending mends all of it.
    assert await faults(place) == expected
    assert await faults(place, repair=True) == dict.fromkeys(expected, 0)
    async with place.working():
        for each in (whole, lost, doubled, hidden, stale):
            await place.until(each.document.id, DocumentState.READY)
    assert await faults(place) == {}


async def test_what_is_young_is_left_alone(place: Place) -> None:
    """Bytes that were stored a moment ago may belong to an upload that is not committed yet."""
    key = f"default/originals/11/{'1' * 64}"
    await place.blobs.put_new(key, b"on its way")
    assert await faults(place, repair=True, later=False) == {}
    assert await place.blobs.get(key)
    assert await faults(place) == {Fault.ORPHANED_BYTES: 1}


async def test_a_missing_original_and_an_unreadable_entry_are_told_and_nothing_is_deleted(
    place: Place,
) -> None:
    """What cannot be mended is named; while an entry cannot be read, no bytes count as orphans."""
    async with place.working():
        one = await taken_in(place, "a.txt", "One.")
        two = await taken_in(place, "b.txt", "Two.")
    await place.blobs.delete(original_key(one.document))
    assert await faults(place, repair=True) == {Fault.MISSING_ORIGINAL: 1}
    tenant = two.document.tenant
    await place.blobs.put(f"{tenant}/documents/{two.document.id}/00000001.json", b"{")
    found = await faults(place, repair=True)
    assert found == {Fault.MISSING_ORIGINAL: 1, Fault.UNREADABLE_ENTRY: 1}
    assert await place.blobs.get(original_key(two.document))
