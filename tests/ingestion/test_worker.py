"""A document's way in, on real stores: whatever happens, an accepted document is never lost."""

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from info_assistant.errors import NotFound, VectorStoreUnavailable
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.ingestion.originals import original_key
from info_assistant.ingestion.rebuild import rebuild_qdrant
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.question import Filters

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place

SCOPE = LOCAL_OPERATOR.scope


async def accept(place: "Place", name: str, text: str) -> Receipt:
    """Upload a text."""
    return await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), name))


async def sources(place: "Place", question: str) -> list[str]:
    """Return the sources that a search finds, best first."""
    vectors = await place.embedder.embed_question(question)
    found = await place.stores.passages.search(SCOPE, vectors, Filters(), 20)
    return [each.passage.source for each in found]


async def test_an_upload_becomes_searchable(place: "Place") -> None:
    """An accepted document comes to `ready`, is found, and its text and bytes can be had."""
    text = "# Parking rules\n\nBicycles are left in the yard."
    receipt = await accept(place, "notes/parking.md", text)
    document_id = receipt.status.document.id
    assert receipt.outcome == "accepted"
    assert receipt.status.state is DocumentState.ACCEPTED
    async with place.working():
        ready = await place.until(document_id, DocumentState.READY)
    assert ready.passages == 1
    assert ready.document.title == "Parking rules"
    assert await sources(place, "Where do bicycles go?") == ["parking.md"]
    _, reading = await place.library.reading(SCOPE, document_id)
    assert "Bicycles are left in the yard." in reading.text
    assert await place.original(SCOPE, document_id) == text.encode()


async def test_many_small_documents_and_a_long_one(place: "Place") -> None:
    """Documents of all sizes share batches, and each ends with its own passages."""
    receipts = [await accept(place, f"{n}.txt", f"Rule number{n} holds.") for n in range(70)]
    words = "\n\n".join(f"# Part {n}\n\n" + f"paragraph{n} text. " * 60 for n in range(80))
    long = await accept(place, "long.md", words)
    async with place.working():
        for receipt in receipts:
            await place.until(receipt.status.document.id, DocumentState.READY)
        ready = await place.until(long.status.document.id, DocumentState.READY)
    assert ready.passages > 64
    counts = await place.stores.passages.counts()
    assert counts[long.status.document.id] == ready.passages
    assert (await sources(place, "number33"))[0] == "33.txt"


async def test_a_new_version_replaces_the_old(place: "Place") -> None:
    """After an upload under the same source only the new text is found; the old bytes remain."""
    first = await accept(place, "a.txt", "The fee is seven crowns.")
    document_id = first.status.document.id
    async with place.working():
        await place.until(document_id, DocumentState.READY)
        again = await accept(place, "a.txt", "The fee is seven crowns.")
        assert again.outcome == "unchanged"
        second = await accept(place, "a.txt", "The charge is nine crowns.")
        assert second.status.document.content.version == 2
        await place.until(document_id, DocumentState.READY, version=2)
    assert await place.stores.passages.counts() == {document_id: 1}
    before = await place.original(SCOPE, document_id, version=1)
    assert before.endswith(b"seven crowns.")


async def test_only_whole_versions_are_found(place: "Place") -> None:
    """Under steady questions a long document is there as one whole version, or for a moment two."""
    text = "\n\n".join(f"# Part {n}\n\n" + f"paragraph{n} text. " * 60 for n in range(80))
    document = (await accept(place, "long.md", text)).status.document
    vectors = await place.embedder.embed_question("paragraph7 text")
    seen: set[tuple[tuple[int, int], ...]] = set()

    async def look() -> None:
        found = await place.stores.passages.search(SCOPE, vectors, Filters(), 60)
        seen.add(tuple(sorted(Counter(each.passage.version for each in found).items())))

    async with place.working():
        for version in (1, 2):
            while (await place.library.status(SCOPE, document.id)).state is not DocumentState.READY:
                await look()
            await place.until(document.id, DocumentState.READY, version=version)
            if version == 1:
                assert seen <= {(), ((1, 60),)}
                await accept(place, "long.md", text.replace("text.", "word."))
    await look()
    whole = {(), ((1, 60),), ((2, 60),)}
    assert {((1, 60),), ((2, 60),)} <= seen
    # Both at once are told apart by the ranking, which keeps the newer one.
    assert all(len(each) == 2 for each in seen - whole)


async def test_a_document_at_fault_fails_in_words_and_others_go_on(place: "Place") -> None:
    """An unreadable file, one without text and one that breaks us fail; the next is ready."""
    broken = await accept(place, "broken.pdf", "%PDF-1.4 nothing of the kind")
    strange = await accept(place, "strange.txt", "This is unembeddable here.")
    fine = await accept(place, "fine.txt", "All is well.")
    async with place.working():
        for receipt in (broken, strange):
            failed = await place.until(receipt.status.document.id, DocumentState.FAILED)
            assert len(failed.detail.split()) > 3
        await place.until(fine.status.document.id, DocumentState.READY)
    assert (await accept(place, "broken.pdf", "%PDF-1.4 nothing of the kind")).outcome == "accepted"


async def test_qdrant_down_refuses_uploads_and_delays_the_rest(own_place: "Place") -> None:
    """Nothing is committed while Qdrant is down; what was accepted is indexed when it is back."""
    place = own_place
    with pytest.raises(VectorStoreUnavailable):
        await accept(place, "a.txt", "Refused.")
    assert [key async for key in place.blobs.keys("")] == []
    place.process.start()
    receipt = await accept(place, "a.txt", "Accepted words.")
    place.process.stop()
    with capture_logs() as logs:

        async def has_waited() -> bool | None:
            return any(log["event"] == "ingestion waits" for log in logs) or None

        async with place.working():
            await place.eventually(has_waited)
            place.process.start()
            await place.until(receipt.status.document.id, DocumentState.READY)
    assert await sources(place, "accepted") == ["a.txt"]


async def test_what_the_board_missed_is_found_in_the_catalogue(place: "Place") -> None:
    """A committed document that the board does not know is taken in all the same."""
    receipt = await accept(place, "a.txt", "Missed words.")
    await place.stores.board.remove("default", receipt.status.document.id, up_to=1)
    async with place.working():
        await place.until(receipt.status.document.id, DocumentState.READY)


@pytest.mark.parametrize("what", ["passages", "board", "both"])
async def test_lost_projections_come_back(place: "Place", what: str) -> None:
    """Whichever projection is lost while we run, the documents are found again."""
    receipt = await accept(place, "a.txt", "Lost and found words.")
    document_id = receipt.status.document.id
    async with place.working():
        await place.until(document_id, DocumentState.READY)
        if what in {"passages", "both"}:
            await place.stores.passages.drop()
        if what in {"board", "both"}:
            await place.stores.board.drop()

        async def found_again() -> bool | None:
            return (await place.stores.passages.counts()).get(document_id) == 1 or None

        await place.eventually(found_again)
        await place.until(document_id, DocumentState.READY)
    assert await sources(place, "found") == ["a.txt"]


async def test_a_shutdown_interrupts_and_the_next_start_goes_on(
    place: "Place", another_process: "Place"
) -> None:
    """Documents under way are marked as interrupted and taken up by the next process."""
    receipts = [await accept(place, f"{n}.txt", f"Word{n}.") for n in range(20)]
    async with place.working():
        await place.until(receipts[0].status.document.id, DocumentState.READY)
    states = {each.state async for each in place.stores.board.every()}
    assert DocumentState.READING not in states
    assert DocumentState.INDEXING not in states
    async with another_process.working():
        for receipt in receipts:
            await another_process.until(receipt.status.document.id, DocumentState.READY)


async def test_removal_takes_everything_with_it(place: "Place") -> None:
    """A removed document is gone from lists, searches and storage; a shared file stays."""
    gone = (await accept(place, "a.txt", "The same words.")).status.document
    kept = (await accept(place, "b.txt", "The same words.")).status.document
    async with place.working():
        await place.until(gone.id, DocumentState.READY)
        await place.until(kept.id, DocumentState.READY)
        await place.library.remove(LOCAL_OPERATOR, gone.id)
    assert await sources(place, "words") == ["b.txt"]
    for look in (place.library.status, place.library.original, place.library.reading):
        with pytest.raises(NotFound):
            await look(SCOPE, gone.id)
    assert await place.original(SCOPE, kept.id) == b"The same words."
    await place.library.remove(LOCAL_OPERATOR, kept.id)
    left = [key async for key in place.blobs.keys("default")]
    assert all("/tombstones/" in key or "/retired/" in key for key in left)
    again = (await accept(place, "a.txt", "The same words.")).status.document
    assert again.id == gone.id
    assert again.content.version > gone.content.version


async def test_removal_works_while_qdrant_is_down(own_place: "Place") -> None:
    """A removal is durable and hides the document at once; the worker sweeps up afterwards."""
    place = own_place
    place.process.start()
    document = (await accept(place, "a.txt", "Secret words.")).status.document
    async with place.working():
        await place.until(document.id, DocumentState.READY)
    place.process.stop()
    await place.library.remove(LOCAL_OPERATOR, document.id)
    assert place.library.visibility.current(document) is None
    place.process.start()
    with pytest.raises(NotFound):
        await place.library.status(SCOPE, document.id)
    assert (await place.library.page(SCOPE, limit=5)).statuses == ()

    async def swept() -> bool | None:
        left = [key async for key in place.blobs.keys("default/documents")]
        return not left or None

    async with place.working():
        await place.eventually(swept)
    assert await place.stores.passages.counts() == {}
    assert original_key(document) not in [key async for key in place.blobs.keys("")]


async def test_rebuilding_gives_the_same_answers(place: "Place", another_process: "Place") -> None:
    """Dropped and rebuilt, twice, the projections give the same passages in the same order."""
    # Of different lengths, so that no two are equally good.
    texts = {f"{n}.txt": f"Common words and number{n} here." + " More." * n for n in range(8)}
    documents = [(await accept(place, *each)).status.document for each in texts.items()]
    removed = (await accept(place, "gone.txt", "Common words.")).status.document
    async with place.working():
        for document in (*documents, removed):
            await place.until(document.id, DocumentState.READY)
    await place.library.remove(LOCAL_OPERATOR, removed.id)
    before = await sources(place, "Common number5")
    told: list[tuple[int, int]] = []
    worker = another_process.worker
    for _ in range(2):
        total = await rebuild_qdrant(
            another_process.stores, place.clock, worker, lambda *now: told.append(now)
        )
        assert total == 8
        assert await sources(place, "Common number5") == before
    assert told[-1] == (8, 8)
    assert sorted(before) == sorted(texts)
