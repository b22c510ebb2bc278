"""Leases on the board, and versions that come in hidden, in a real local Qdrant process."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.stores.test_qdrant import question

from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    Progress,
    document_id,
)
from info_assistant.model.identity import EVERYONE, AccessScope
from info_assistant.model.lease import Lease
from info_assistant.model.passage import IndexedPassage
from info_assistant.model.question import Filters
from info_assistant.stores.qdrant import QdrantStore

SCOPE = AccessScope("default", frozenset({EVERYONE}))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAKER = Callable[..., IndexedPassage]


def lease(token: str) -> Lease:
    """Return a lease."""
    return Lease(token, f"owner of {token}", NOW)


def document(source: str, version: int = 1, *, revision: int = 0) -> Document:
    """Return a document."""
    return Document(
        id=document_id("default", source),
        tenant="default",
        source=source,
        title=source,
        revision=revision or version,
        content=Content(version, "ab" * 32, 12, "text/plain", copy=1),
        access=(EVERYONE,),
        created_at=NOW,
        updated_at=NOW,
    )


def accepted(source: str, version: int = 1) -> DocumentStatus:
    """Return the state of a document that has just come in."""
    return DocumentStatus(document(source, version), DocumentState.ACCEPTED, NOW)


async def shown(store: QdrantStore, source: str) -> DocumentStatus:
    """Return what the board shows of a document."""
    found = await store.board.get(SCOPE, document_id("default", source))
    assert found is not None
    return found


async def test_each_document_is_claimed_once(store: QdrantStore) -> None:
    """Of two claims of the same documents, seen free, the later one gets none of the first's."""
    await store.board.announce([accepted("a"), accepted("b"), accepted("c")])
    seen = await store.board.unsettled(10)
    first = await store.board.claim(seen[:2], lease("one"))
    second = await store.board.claim(seen, lease("two"))
    assert {each.document.id for each in first} == {each.document.id for each in seen[:2]}
    assert [each.document.id for each in second] == [seen[2].document.id]
    assert (await shown(store, "a")).document.content.copy == 1
    # Seen as it is now, a lease can be taken over: so does who finds that it has expired.
    over = await store.board.claim(await store.board.unsettled(10), lease("three"))
    assert len(over) == 3
    assert await store.board.claim([], lease("four")) == []


async def test_a_lost_lease_writes_nothing(store: QdrantStore) -> None:
    """Whoever was taken over changes nothing any more, and is told what is shown instead."""
    await store.board.announce([accepted("a")])
    (mine,) = await store.board.claim([accepted("a")], lease("mine"))
    reading = replace(mine, state=DocumentState.READING, progress=Progress(1, 9, "pages"))
    assert await store.board.report([reading]) == {}
    assert await shown(store, "a") == reading
    (other,) = await store.board.claim([reading], lease("other"))
    stale = replace(mine, state=DocumentState.READY, passages=5)
    assert await store.board.report([stale]) == {mine.document.id: other}
    done = replace(other, state=DocumentState.READY, passages=7, progress=None)
    assert await store.board.report([done]) == {}
    assert await store.board.report([done]) == {}  # An answer was lost and it is sent again.
    settled = await shown(store, "a")
    assert (settled.state, settled.passages, settled.lease) == (DocumentState.READY, 7, None)
    late = replace(mine, state=DocumentState.INDEXING)
    assert await store.board.report([late]) == {mine.document.id: settled}
    await store.board.remove("default", mine.document.id, up_to=1)
    assert await store.board.report([late]) == {mine.document.id: None}
    assert await store.board.get(SCOPE, mine.document.id) is None


async def test_a_new_version_takes_the_lease_away(store: QdrantStore) -> None:
    """An announcement shows later revisions only, and ends the work on the one before."""
    await store.board.announce([accepted("a", 2)])
    (mine,) = await store.board.claim([accepted("a", 2)], lease("mine"))
    await store.board.announce([accepted("a", 1), accepted("a", 2)])
    assert (await shown(store, "a")).lease == lease("mine")
    await store.board.announce([accepted("a", 3)])
    assert await shown(store, "a") == accepted("a", 3)
    ready = replace(mine, state=DocumentState.READY)
    assert await store.board.report([ready]) == {mine.document.id: accepted("a", 3)}
    await store.board.remove("default", mine.document.id, up_to=2)
    assert await shown(store, "a") == accepted("a", 3)


async def test_a_change_of_access_stands_beside_the_work(store: QdrantStore) -> None:
    """A worker that knows an older revision writes nothing over it, and keeps its lease."""
    await store.board.announce([accepted("a")])
    (mine,) = await store.board.claim([accepted("a")], lease("mine"))
    changed = replace(document("a", revision=2), access=(EVERYONE, "board"))
    await store.board.set_entry(changed)
    behind = replace(mine, state=DocumentState.INDEXING)
    differing = (await store.board.report([behind]))[mine.document.id]
    assert differing is not None
    assert differing.lease == mine.lease
    assert differing.document.access == (EVERYONE, "board")
    assert await store.board.report([replace(behind, document=differing.document)]) == {}


async def test_only_what_nobody_has_begins_anew(store: QdrantStore) -> None:
    """A failed document begins anew, with no attempt counted; one in hand or changed does not."""
    failed = replace(accepted("a"), state=DocumentState.FAILED, attempts=3, detail="Words.")
    await store.board.put_all([failed, accepted("b")])
    (held,) = await store.board.claim([accepted("b")], lease("mine"))
    later = NOW + timedelta(minutes=1)
    await store.board.reopen([failed, held], later)
    await store.board.reopen([failed], later + timedelta(minutes=1))
    assert await shown(store, "a") == replace(accepted("a"), since=later)
    assert await shown(store, "b") == held


async def test_a_hidden_version_is_found_once_revealed(
    store: QdrantStore, make_passage: MAKER
) -> None:
    """A version under way is neither found nor counted, no edit opens it, and replays hide none."""
    written = [make_passage(n, source="a.md", version=2, ordinal=n) for n in range(3)]
    old = make_passage(0, source="a.md", version=1)
    await store.passages.write([old])
    await store.passages.write(written[:2], hidden=True)
    await store.passages.set_entry(document("a.md", 2, revision=9))

    async def versions() -> list[int]:
        found = await store.passages.search(SCOPE, question(0), Filters(), 10)
        return sorted(each.passage.version for each in found)

    held = document("a.md", 2)
    assert await versions() == [1]
    assert await store.passages.count("default", held.id, 2) == 0
    await store.passages.write(written, hidden=True)
    await store.passages.reveal([held, document("b.md", 5)])
    assert await versions() == [1, 2, 2, 2]
    await store.passages.write(written, hidden=True)
    assert await versions() == [1, 2, 2, 2]
    assert await store.passages.count("default", held.id, 2) == 3
    await store.passages.remove_versions("default", held.id, up_to=1)
    assert await versions() == [2, 2, 2]
