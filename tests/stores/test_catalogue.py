"""The catalogue on a real folder: revisions, races, tombstones, damage."""

import asyncio
import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.document import Content, Document, Standing, Tombstone, document_id
from info_assistant.model.schema import CURRENT, Stored
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def document(source: str = "a.md", revision: int = 1, tenant: str = "default") -> Document:
    """Return a catalogue entry."""
    return Document(
        id=document_id(tenant, source),
        tenant=tenant,
        source=source,
        title="Ein Títle",
        revision=revision,
        content=Content(revision, "ab" * 32, 12, "text/plain"),
        access=("everyone", "board"),
        created_at=NOW,
        updated_at=NOW,
    )


def tombstone(of: Document) -> Tombstone:
    """Return the word that a document is gone."""
    return Tombstone(of.tenant, of.id, of.revision, NOW, "somebody")


def only_file(folder: Path) -> Path:
    """Return the one object in a folder."""
    (file,) = folder.rglob("*.json")
    return file


@pytest.fixture
def catalogue(tmp_path: Path) -> BlobCatalogue:
    """An empty catalogue."""
    return BlobCatalogue(ObjectBlobs(str(tmp_path)))


async def test_the_newest_revision_counts(catalogue: BlobCatalogue) -> None:
    """A document comes back unchanged, and older revisions stay readable."""
    assert await catalogue.latest("default", document().id) is None
    assert await catalogue.standing("default", document().id) == Standing(None, 0, 0)
    for revision in (1, 2, 10):
        assert await catalogue.commit(document(revision=revision))
    assert await catalogue.latest("default", document().id) == document(revision=10)
    assert await catalogue.revision("default", document().id, 2) == document(revision=2)
    assert await catalogue.revision("default", document().id, 3) is None
    assert await catalogue.latest("other", document().id) is None


async def test_a_change_that_a_removal_overtook_does_not_revive(catalogue: BlobCatalogue) -> None:
    """A revision without bytes of its own, written after its document was buried, is dead too."""
    await catalogue.commit(document(revision=1))
    await catalogue.bury(tombstone(document(revision=1)))
    late = replace(document(revision=1), revision=2, access=("board",))
    await catalogue.commit(late)
    assert await catalogue.standing("default", late.id) == Standing(None, 2, 1)
    assert [each async for each in catalogue.documents()] == []
    await catalogue.commit(document(revision=3))
    assert await catalogue.latest("default", late.id) == document(revision=3)


async def test_one_of_two_writers_wins(tmp_path: Path) -> None:
    """Of processes that write the same revision at once exactly one is told that it did."""
    writers = [BlobCatalogue(ObjectBlobs(str(tmp_path))) for _ in range(6)]
    entries = [replace(document(), title=f"By {n}") for n in range(6)]
    outcomes = await asyncio.gather(
        *(writer.commit(entry) for writer, entry in zip(writers, entries, strict=True))
    )
    assert outcomes.count(True) == 1
    assert await writers[0].latest("default", document().id) == entries[outcomes.index(True)]


async def test_every_tenant_is_listed(catalogue: BlobCatalogue) -> None:
    """A listing yields each living document's newest revision, and every tombstone."""
    entries = [document("a", 2), document("b", 1), document("a", 3, "other")]
    gone = document("gone", 4)
    for entry in (document("a", 1), *entries, gone):
        await catalogue.commit(entry)
    await catalogue.bury(tombstone(gone))
    await catalogue.bury(tombstone(gone))
    listed = [each async for each in catalogue.documents()]
    assert sorted(listed, key=str) == sorted(entries, key=str)
    assert [each async for each in catalogue.tombstones()] == [tombstone(gone)]
    assert [each async for each in catalogue.unswept()] == [("default", gone.id, 4)]
    assert await catalogue.dead_revisions("default", gone.id, 4) == (gone,)
    await catalogue.sweep("default", gone.id, 4)
    assert [each async for each in catalogue.unswept()] == []
    assert await catalogue.standing("default", gone.id) == Standing(None, 4, 4)


async def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    """What a later version wrote can be read by this one."""
    catalogue = BlobCatalogue(ObjectBlobs(str(tmp_path)))
    await catalogue.commit(document())
    file = only_file(tmp_path)
    stored = json.loads(file.read_bytes())
    assert stored["schema"] == CURRENT[Stored.DOCUMENT]
    stored["content"]["later"] = stored["later"] = {"x": 1}
    file.write_text(json.dumps(stored | {"schema": stored["schema"] + 1}))
    assert await catalogue.latest("default", document().id) == document()


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"{", b"{}", b'{"content": 1}', b"\xff", b'{"content": {}, "id": "x"}']
)
async def test_damage_is_named(tmp_path: Path, damage: bytes) -> None:
    """A damaged object is an error that names the object; its document does not count as gone."""
    catalogue = BlobCatalogue(ObjectBlobs(str(tmp_path)))
    await catalogue.commit(document())
    file = only_file(tmp_path)
    file.write_bytes(damage)
    with pytest.raises(StoredDataInvalid, match=f"default/documents/{document().id}/00000001.json"):
        await catalogue.latest("default", document().id)
    assert [each async for each in catalogue.living()] == [("default", document().id, 1)]


async def test_a_stray_file_hides_nothing(tmp_path: Path) -> None:
    """A file that is no revision is passed over."""
    catalogue = BlobCatalogue(ObjectBlobs(str(tmp_path)))
    await catalogue.commit(document())
    (tmp_path / "default/documents" / document().id / "copy-of-1.json").write_text("x")
    assert await catalogue.latest("default", document().id) == document()


STEPS = st.lists(st.sampled_from(["write", "bury"]), max_size=12)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_a_document_lives_until_it_is_buried(steps: list[str]) -> None:
    """Whatever the order, `latest` is what was written since the last burial."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_follow(BlobCatalogue(ObjectBlobs(folder)), steps))


async def _follow(catalogue: BlobCatalogue, steps: list[str]) -> None:
    newest, living = 0, None
    for step in steps:
        if step == "write":
            newest += 1
            living = document(revision=newest)
            assert await catalogue.commit(living)
            assert not await catalogue.commit(living)
        elif living is not None:
            await catalogue.bury(tombstone(living))
            living = None
        assert await catalogue.latest("default", document().id) == living
        assert (await catalogue.standing("default", document().id)).newest == newest
