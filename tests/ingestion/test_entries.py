"""Edits of documents that are in the index: metadata, holds, restoring, trying again."""

from dataclasses import replace
from datetime import UTC, date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ingestion.conftest import make_place
from tests.stores.bench import WHEN
from tests.stores.stored_things import DOCUMENT

from info_assistant.errors import Conflict, InvalidRequest, NotFound
from info_assistant.ingestion.entries import EntryEdit, checked_metadata
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.document import Document, DocumentState, Hold, HoldKind
from info_assistant.model.identity import EVERYONE, LOCAL_OPERATOR, AccessScope, Caller, Role
from info_assistant.model.metadata import FIELDS, Metadata
from info_assistant.model.passage import Passage
from info_assistant.model.question import Filters
from info_assistant.ports import DocumentFilter
from info_assistant.stores.document_json import document_fields, document_from

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ingestion.conftest import Place

SCOPE = LOCAL_OPERATOR.scope
TEXT = b"The fee is seven crowns."


async def accept(place: "Place", data: bytes = TEXT, **said: object) -> Receipt:
    """Hand in a document."""
    upload = replace(Upload(data, "fees.txt"), **said)  # type: ignore[arg-type]
    return await place.intake.accept(LOCAL_OPERATOR, upload)


async def found(place: "Place") -> list[Passage]:
    """Return what a search for the document finds and may show."""
    vectors = await place.embedder.embed_question(TEXT.decode())
    candidates = await place.stores.passages.search(SCOPE, vectors, Filters(), 10)
    passages = [each.passage for each in candidates]
    return [each for each in passages if place.library.visibility.may_show(SCOPE, each)]


async def test_an_edit_reaches_passages_and_lists_without_reading_again(place: "Place") -> None:
    """Title, dates and marking are in the next search and in filtered lists; vectors stay."""
    receipt = await accept(place)
    document = receipt.status.document
    async with place.working():
        await place.until(document.id, DocumentState.READY)
    said = Metadata(
        superseded=date(2026, 1, 2),
        review_by=date(2026, 3, 1),
        marking="OFFICIAL",
        tags=("fees", "archive"),
    )
    edit = EntryEdit(title="Fees of old", metadata=said, names=said.stated)
    # Nobody works here: what follows was read and embedded before.
    status = await place.library.edit(LOCAL_OPERATOR, document.id, edit)
    assert (status.state, status.passages, status.document.title) == (
        DocumentState.READY,
        1,
        "Fees of old",
    )
    assert status.document.metadata == replace(said, tags=("archive", "fees"))
    (passage,) = await found(place)
    assert (passage.title, passage.superseded, passage.marking) == (
        "Fees of old",
        date(2026, 1, 2),
        "OFFICIAL",
    )
    for wanted, there in (
        (DocumentFilter(tag="fees"), True),
        (DocumentFilter(tag="fee"), False),
        (DocumentFilter(marking="OFFICIAL"), True),
        (DocumentFilter(review_before=date(2026, 3, 2)), True),
        (DocumentFilter(review_before=date(2026, 3, 1)), False),
        (DocumentFilter(superseded_by=date(2026, 1, 2)), True),
        (DocumentFilter(superseded_by=date(2026, 1, 1)), False),
        (DocumentFilter(access=EVERYONE), True),
        (DocumentFilter(access="works council"), False),
    ):
        page = await place.library.page(SCOPE, limit=5, wanted=wanted)
        assert bool(page.statuses) == there, wanted
    emptied = EntryEdit(names=frozenset({"superseded", "tags"}))
    status = await place.library.edit(LOCAL_OPERATOR, document.id, emptied)
    assert (status.document.metadata.superseded, status.document.metadata.tags) == (None, ())
    (passage,) = await found(place)
    assert passage.superseded is None


@pytest.mark.parametrize("kind", list(HoldKind))
async def test_a_held_document_comes_back_by_restoring_only(place: "Place", kind: HoldKind) -> None:
    """No search finds it, not after a new version and a rebuild either, until it is restored."""
    document_id = (await accept(place)).status.document.id
    async with place.working():
        await place.until(document_id, DocumentState.READY)
        held = await place.library.hold(LOCAL_OPERATOR, document_id, kind, "Wrong table.")
        assert (held.state, held.document.hold and held.document.hold.kind) == (
            DocumentState.WITHDRAWN,
            kind,
        )
        assert await found(place) == []
        assert (await accept(place)).outcome == "unchanged"
        await accept(place, TEXT + b" And more.")
        await place.until(document_id, DocumentState.WITHDRAWN, version=3)
        assert await found(place) == []
        listed = await place.library.page(SCOPE, limit=5)
        assert [each.state for each in listed.statuses] == [DocumentState.WITHDRAWN]
    restored = await place.library.restore(LOCAL_OPERATOR, document_id)
    # Nobody works any more, so nothing was read again.
    assert (restored.state, restored.document.hold) == (DocumentState.READY, None)
    assert [each.version for each in await found(place)] == [3]


async def test_a_hold_during_ingestion_counts(place: "Place") -> None:
    """A document that is held back before it is read comes to rest without being found."""
    document_id = (await accept(place)).status.document.id
    await place.library.hold(LOCAL_OPERATOR, document_id, HoldKind.QUARANTINED, "Not sure.")
    async with place.working():
        await place.until(document_id, DocumentState.WITHDRAWN)
    assert await found(place) == []
    assert (await place.library.restore(LOCAL_OPERATOR, document_id)).state is DocumentState.READY
    assert len(await found(place)) == 1


async def test_another_process_hears_of_a_hold(place: "Place", tmp_path: "Path") -> None:
    """The overlay of another backend hides the passages, and its list still shows the document."""
    document_id = (await accept(place)).status.document.id
    async with place.working():
        await place.until(document_id, DocumentState.READY)
    (passage,) = await found(place)
    other = make_place(tmp_path / "objects", place.process)
    await place.library.hold(LOCAL_OPERATOR, document_id, HoldKind.WITHDRAWN, "Old.")
    await other.library.visibility.refresh()
    assert not other.library.visibility.may_show(SCOPE, passage)
    assert len((await other.library.page(SCOPE, limit=5)).statuses) == 1
    await place.library.restore(LOCAL_OPERATOR, document_id)
    await other.library.visibility.refresh()
    assert other.library.visibility.may_show(SCOPE, passage)
    await other.qdrant.close()


async def test_a_failed_document_is_tried_again(place: "Place") -> None:
    """Only a failed document can be tried again; one under way already goes on."""
    document_id = (await accept(place, b"unembeddable words")).status.document.id
    async with place.working():
        await place.until(document_id, DocumentState.FAILED)
    assert (await place.library.retry(LOCAL_OPERATOR, document_id)).state is DocumentState.ACCEPTED
    assert (await place.library.retry(LOCAL_OPERATOR, document_id)).state is DocumentState.ACCEPTED
    async with place.working():
        await place.until(document_id, DocumentState.FAILED)
        await accept(place)
        await place.until(document_id, DocumentState.READY, version=2)
    with pytest.raises(Conflict, match="ready"):
        await place.library.retry(LOCAL_OPERATOR, document_id)


async def test_versions_and_passages_are_shown(place: "Place") -> None:
    """Versions come newest first, page by page, without edits in between; passages in order."""
    document_id = (await accept(place)).status.document.id
    for n in range(2, 5):
        edit = EntryEdit(metadata=Metadata(marking=str(n)), names=frozenset({"marking"}))
        await place.library.edit(LOCAL_OPERATOR, document_id, edit)
        await accept(place, TEXT + b" More. " * n)
    shown = await place.library.versions(SCOPE, document_id, before=10**6, limit=3)
    assert [each.content.version for each in shown] == [7, 5, 3]
    rest = await place.library.versions(SCOPE, document_id, before=3, limit=3)
    assert [each.content.version for each in rest] == [1]
    async with place.working():
        await place.until(document_id, DocumentState.READY, version=7)
    status, passages = await place.library.passages(SCOPE, document_id, first=0, limit=10)
    assert len(passages) == status.passages > 0
    assert passages[0].text.startswith("The fee")
    assert await place.library.passages(SCOPE, document_id, first=99, limit=10) == (status, [])


async def test_an_upload_adds_to_what_is_known(place: "Place") -> None:
    """What a later upload leaves out stays; what it says anew counts."""
    first = Metadata(language="en", marking="OFFICIAL", tags=("a",))
    await accept(place, metadata=first)
    again = await accept(place, b"Other words.", metadata=Metadata(marking="SECRET"))
    assert again.status.document.metadata == replace(first, marking="SECRET")


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(source_url="javascript:alert(1)"),
        Metadata(source_url="https://"),
        Metadata(language="english please"),
        Metadata(marking="a\nb"),
        Metadata(tags=("",)),
        Metadata(tags=tuple(map(str, range(51)))),
        Metadata(effective=date(2026, 2, 2), superseded=date(2026, 2, 2)),
    ],
)
async def test_unusable_metadata_is_refused(place: "Place", metadata: Metadata) -> None:
    """Nothing is stored of an upload, or changed by an edit, whose metadata cannot be used."""
    with pytest.raises(InvalidRequest):
        await accept(place, metadata=metadata)
    edit = EntryEdit(metadata=metadata, names=metadata.stated)
    with pytest.raises(InvalidRequest):
        await place.library.edit(LOCAL_OPERATOR, DOCUMENT.id, edit)


async def test_dates_are_compared_with_what_is_known(place: "Place") -> None:
    """An edit of one date alone cannot contradict the other."""
    document = (await accept(place, metadata=Metadata(effective=date(2026, 5, 1)))).status.document
    early = EntryEdit(
        metadata=Metadata(superseded=date(2026, 4, 1)), names=frozenset({"superseded"})
    )
    with pytest.raises(InvalidRequest):
        await place.library.edit(LOCAL_OPERATOR, document.id, early)


async def test_nobody_edits_what_is_not_theirs(place: "Place") -> None:
    """Another tenant's operator, and a member of other groups, find no document to edit."""
    document_id = (await accept(place, access=("hr", "everyone"))).status.document.id
    await place.library.edit(LOCAL_OPERATOR, document_id, EntryEdit(access=("hr", "everyone")))
    elsewhere = Caller("x", Role.OPERATOR, AccessScope("other", frozenset({"hr", "everyone"})))
    stranger = Caller("y", Role.CONTRIBUTOR, AccessScope("default", frozenset({"it"})))
    for caller in (elsewhere, stranger):
        with pytest.raises(NotFound):
            await place.library.hold(caller, document_id, HoldKind.WITHDRAWN, "Mine.")
        with pytest.raises(NotFound):
            await place.library.restore(caller, document_id)
        with pytest.raises(NotFound):
            await place.library.edit(caller, document_id, EntryEdit(title="Mine"))
        with pytest.raises(NotFound):
            await place.library.retry(caller, document_id)
        with pytest.raises(NotFound):
            await place.library.versions(caller.scope, document_id, before=9, limit=9)
        with pytest.raises(NotFound):
            await place.library.passages(caller.scope, document_id, first=0, limit=9)


words = st.text(min_size=1, max_size=20)
days = st.dates()
metadatas = st.builds(
    Metadata,
    source_url=st.none() | words,
    language=st.none() | words,
    effective=st.none() | days,
    superseded=st.none() | days,
    review_by=st.none() | days,
    marking=st.none() | words,
    tags=st.lists(words, max_size=3).map(tuple),
)
holds = st.builds(
    Hold,
    kind=st.sampled_from(list(HoldKind)),
    reason=words,
    actor=words,
    at=st.datetimes(timezones=st.just(UTC)),
)
documents = st.builds(
    lambda metadata, hold: replace(DOCUMENT, metadata=metadata, hold=hold),
    metadatas,
    st.none() | holds,
)


@given(documents)
def test_an_entry_comes_back_as_it_was_stored(document: Document) -> None:
    """Whatever is said of a document, reading what was written gives it again."""
    assert document_from(document_fields(document)) == document


@given(documents, st.sets(st.sampled_from(["metadata", "hold"])))
def test_entries_without_newer_fields_stay_readable(document: Document, missing: set[str]) -> None:
    """An entry that an earlier version wrote says nothing where it has no field."""
    fields = {k: v for k, v in document_fields(document).items() if k not in missing}
    read = document_from(fields)
    assert read.metadata == (Metadata() if "metadata" in missing else document.metadata)
    assert read.hold == (None if "hold" in missing else document.hold)
    assert read.access == document.access


@given(metadatas, metadatas)
def test_what_is_known_is_never_wiped_out_by_silence(known: Metadata, said: Metadata) -> None:
    """Each field is what was said last; silence in an upload changes nothing."""
    after = known.updated(said)
    for name in FIELDS:
        source = said if name in said.stated else known
        assert getattr(after, name) == getattr(source, name)
    assert known.updated(Metadata()) == known


def test_a_reason_for_holding_of_a_later_version_is_taken_strictly() -> None:
    """A kind of hold that this version does not know counts as quarantine."""
    held = replace(DOCUMENT, hold=Hold(HoldKind.WITHDRAWN, "r", "a", WHEN))
    fields = document_fields(held)
    fields["hold"]["kind"] = "embargoed"
    read = document_from(fields)
    assert read.hold is not None
    assert read.hold.kind is HoldKind.QUARANTINED
    assert read.findable_by == ()


def test_metadata_is_stored_tidied() -> None:
    """Blanks at the ends go, and each tag is there once, in order."""
    tidy = checked_metadata(Metadata(marking=" OFFICIAL ", tags=("b", " a", "b")))
    assert (tidy.marking, tidy.tags) == ("OFFICIAL", ("a", "b"))
