"""Passages and the board in a real local Qdrant process."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs
from tests.qdrant_process import PATIENT_S

from info_assistant.drills.fault_connection import Upstream, Wire
from info_assistant.drills.fault_proxy import fault_proxy
from info_assistant.drills.faults import Effect, Fault, http_answer
from info_assistant.errors import InvalidRequest, Misconfigured, VectorStoreUnavailable
from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    Progress,
    document_id,
)
from info_assistant.model.identity import EVERYONE, AccessScope
from info_assistant.model.passage import IndexedPassage, QuestionVectors, SparseVector, edges_of
from info_assistant.model.question import Filters
from info_assistant.ports import DocumentFilter
from info_assistant.stores.qdrant import QdrantStore

if TYPE_CHECKING:
    from tests.qdrant_process import QdrantProcess

MAKER = Callable[..., IndexedPassage]
SCOPE = AccessScope("default", frozenset({EVERYONE}))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def question(axis: int = 0, terms: tuple[int, ...] = (1,)) -> QuestionVectors:
    """Return a question along one axis."""
    dense = np.zeros(384, dtype=np.float32)
    dense[axis] = 1
    sparse = SparseVector(terms, tuple(1.0 for _ in terms))
    return QuestionVectors(dense, sparse, dense[None])


def status(
    source: str, state: DocumentState = DocumentState.ACCEPTED, **changes: object
) -> DocumentStatus:
    """Return a document's state."""
    document = Document(
        id=document_id("default", source),
        tenant="default",
        source=source,
        title=f"Title of {source}",
        revision=1,
        content=Content(1, "ab" * 32, 12, "text/plain"),
        access=(EVERYONE,),
        created_at=NOW,
        updated_at=NOW,
    )
    document = replace(document, **changes)  # type: ignore[arg-type]
    return DocumentStatus(document, state, NOW)


async def test_a_found_passage_is_what_was_written(store: QdrantStore, make_passage: MAKER) -> None:
    """Everything about a passage comes back from a search unchanged."""
    written = make_passage(axis=5, terms=(7, 2**32 - 1))
    await store.passages.write([written])
    (found,) = await store.passages.search(SCOPE, question(5, (7,)), Filters(), 10)
    assert found.passage == written.passage
    assert found.terms.tolist() == [7, 2**32 - 1]
    assert np.array_equal(found.tokens, written.vectors.tokens)
    assert found.tokens.dtype == np.int8
    assert list(found.token_edges) == edges_of(written.vectors.token_spans)
    assert found.retrieval_score > 0


async def test_both_rankings_count(store: QdrantStore, make_passage: MAKER) -> None:
    """A passage that leads both rankings comes first; each ranking can be asked alone."""
    await store.passages.write(
        [
            make_passage(0, (1,), source="near.md"),
            make_passage(1, (2,), source="words.md"),
            make_passage(0, (2, 3), source="both.md"),
        ]
    )
    asked = question(0, (2, 3))
    hybrid = await store.passages.search(SCOPE, asked, Filters(), 10)
    assert hybrid[0].passage.source == "both.md"
    assert len(hybrid) == 3
    lexical = await store.passages.search(SCOPE, asked, Filters(), 10, rank_by="bm25")
    assert {each.passage.source for each in lexical} == {"words.md", "both.md"}
    dense = await store.passages.search(SCOPE, asked, Filters(), 2, rank_by="dense")
    assert {each.passage.source for each in dense} == {"near.md", "both.md"}


async def test_a_search_shows_only_what_the_caller_may_see(
    store: QdrantStore, make_passage: MAKER
) -> None:
    """Another tenant's or group's passages are never found, whatever the filter asks for."""
    secret = make_passage(source="secret.md", access=("board",))
    foreign = make_passage(source="foreign.md", tenant="other")
    shared = make_passage(source="shared.md", access=("board", "staff"))
    await store.passages.write([secret, foreign, shared])
    wanted = Filters(tuple(each.passage.document_id for each in (secret, foreign, shared)))
    staff = AccessScope("default", frozenset({"staff", "x"}))
    found = await store.passages.search(staff, question(), wanted, 10)
    assert [each.passage.source for each in found] == ["shared.md"]
    nobody = AccessScope("default", frozenset())
    assert await store.passages.search(nobody, question(), Filters(), 10) == []


async def test_filters_narrow(store: QdrantStore, make_passage: MAKER) -> None:
    """Naming documents leaves only those."""
    await store.passages.write([make_passage(source="a.md"), make_passage(source="b.md")])
    chosen = Filters((document_id("default", "b.md"),))
    found = await store.passages.search(SCOPE, question(), chosen, 10)
    assert [each.passage.source for each in found] == ["b.md"]


async def test_versions_are_counted_and_removed(store: QdrantStore, make_passage: MAKER) -> None:
    """Writing twice changes nothing; old versions go and the newest stays."""
    old = [make_passage(version=1, ordinal=n) for n in range(70)]
    new = [make_passage(version=2, ordinal=n) for n in range(3)]
    await store.passages.write(old)
    await store.passages.write(old)
    await store.passages.write(new)
    document = old[0].passage.document_id
    assert await store.passages.count("default", document, 1) == 70
    assert await store.passages.counts() == {document: 73}
    await store.passages.remove_versions("other", document, up_to=2)
    await store.passages.remove_versions("default", document, up_to=1)
    assert await store.passages.counts() == {document: 3}
    await store.passages.remove_document(document)
    assert await store.passages.counts() == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
async def test_vectors_that_are_not_finite_are_refused(
    store: QdrantStore, make_passage: MAKER, bad: float
) -> None:
    """A vector with NaN never reaches the index, nor what came with it."""
    broken = make_passage(ordinal=1)
    broken.vectors.dense[3] = bad
    with pytest.raises(InvalidRequest, match="not finite"):
        await store.passages.write([make_passage(), broken])
    assert await store.passages.counts() == {}


async def test_another_embedding_model_is_named(
    store: QdrantStore, shared_qdrant: "QdrantProcess", make_passage: MAKER
) -> None:
    """Vectors of another model are not searched; the error names the command that helps."""
    await store.passages.write([make_passage()])
    other = QdrantStore(shared_qdrant.url, "a-key", "other-model@2", PATIENT_S)
    with pytest.raises(Misconfigured, match="info-assistant rebuild qdrant"):
        await other.passages.search(SCOPE, question(), Filters(), 10)
    await other.drop_projections()
    await other.passages.write([make_passage()])
    assert len(await other.passages.search(SCOPE, question(), Filters(), 10)) == 1
    await other.close()


async def test_it_starts_and_recovers_without_qdrant(
    own_qdrant: "QdrantProcess", make_passage: MAKER
) -> None:
    """Down at the start, down later: a typed error and its log line, then work goes on."""
    errors: list[int] = []
    store = QdrantStore(
        own_qdrant.url, "a-key", "m@1", PATIENT_S, on_error=lambda: errors.append(1)
    )
    with capture_logs() as logs, pytest.raises(VectorStoreUnavailable):
        await store.ping()
    assert [log["event"] for log in logs] == ["Qdrant connection error"]
    assert errors == [1]
    own_qdrant.start()
    await store.passages.write([make_passage()])
    own_qdrant.stop()
    with pytest.raises(VectorStoreUnavailable):
        await store.passages.search(SCOPE, question(), Filters(), 10)
    own_qdrant.start()
    assert len(await store.passages.search(SCOPE, question(), Filters(), 10)) == 1
    await store.close()


async def test_wiped_storage_is_set_up_again(
    shared_qdrant: "QdrantProcess", make_passage: MAKER
) -> None:
    """Collections that vanish under a running process come back empty at the next use."""
    store = QdrantStore(shared_qdrant.url, "a-key", "test-model@1", PATIENT_S)
    await store.drop_projections()
    await store.passages.write([make_passage()])
    await store.board.put(status("a.md"))
    wiper = QdrantStore(shared_qdrant.url, "a-key", "test-model@1", PATIENT_S)
    await wiper.drop_projections()
    await wiper.close()
    assert await store.passages.search(SCOPE, question(), Filters(), 10) == []
    assert (
        await store.board.page(SCOPE, limit=5, after=None, wanted=DocumentFilter())
    ).statuses == ()
    await store.passages.write([make_passage()])
    assert len(await store.passages.search(SCOPE, question(), Filters(), 10)) == 1
    await store.close()


async def test_replicas_set_up_side_by_side(
    shared_qdrant: "QdrantProcess", make_passage: MAKER
) -> None:
    """Replicas that meet an empty Qdrant at once make it together: none undoes another's work.

    Nor does any of them say that Qdrant was out of reach, which people on call would hear.
    """
    replicas = [
        QdrantStore(shared_qdrant.url, "a-key", "test-model@1", PATIENT_S) for _ in range(6)
    ]
    await replicas[0].drop_projections()
    documents = [make_passage(source=f"replica-{number}.md") for number in range(len(replicas))]
    try:
        with capture_logs() as logs:
            async with asyncio.TaskGroup() as group:
                for replica, indexed in zip(replicas, documents, strict=True):
                    group.create_task(replica.passages.write([indexed]))
        assert "Qdrant connection error" not in {each["event"] for each in logs}
        assert sum((await replicas[0].passages.counts()).values()) == len(replicas)
    finally:
        for replica in replicas:
            await replica.close()


async def test_a_wrong_key_is_unavailable(shared_qdrant: "QdrantProcess") -> None:
    """A Qdrant that refuses our key counts as unavailable."""
    store = QdrantStore(shared_qdrant.url, "wrong", "m@1")
    with pytest.raises(VectorStoreUnavailable):
        await store.ping()
    await store.close()


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(409),
        http_answer(429, headers={"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}),
        http_answer(429, headers={"retry-after": "soon"}),
        http_answer(503),
        http_answer(200, b"no JSON"),
    ],
    ids=["409", "429 with a date", "429 with a word", "503", "no JSON"],
)
async def test_whatever_stands_in_for_qdrant_is_an_outage(
    shared_qdrant: "QdrantProcess", answer: bytes
) -> None:
    """What its client cannot make sense of, or raises in its own way, is the one error of ours."""
    async with fault_proxy(Upstream(Wire.HTTP, shared_qdrant.port)) as proxy:
        store = QdrantStore(
            f"http://127.0.0.1:{proxy.port}", shared_qdrant.key or None, "m@1", PATIENT_S
        )
        await proxy.inject(Fault(Effect.ANSWERED, answer=answer))
        with pytest.raises(VectorStoreUnavailable):
            await store.passages.search(SCOPE, question(), Filters(), 3)
        assert proxy.met.fired
        await store.close()


async def test_the_board_returns_what_was_put(store: QdrantStore) -> None:
    """A state comes back unchanged, is replaced whole, and can be forgotten."""
    first = replace(status("a.md"), detail="words", progress=Progress(1, 3, "pages"), passages=2)
    await store.board.put(first)
    assert await store.board.get(SCOPE, first.document.id) == first
    second = replace(first, state=DocumentState.READY, progress=None)
    await store.board.put(second)
    assert await store.board.get(SCOPE, first.document.id) == second
    assert await store.board.get(AccessScope("other", SCOPE.groups), first.document.id) is None
    assert await store.board.get(SCOPE, "not-an-id") is None
    await store.board.remove("default", first.document.id, up_to=first.document.revision)
    assert await store.board.get(SCOPE, first.document.id) is None


async def test_pages_hold_every_document_once(store: QdrantStore) -> None:
    """Following `next` shows each visible document once, with and without words to look for."""
    shown = [status(f"{n:02}/report.md") for n in range(23)]
    hidden = status("hidden.md", access=("board",))
    await store.board.put_all([*shown, hidden])
    for query in ("", "REPORT title"):
        seen: list[str] = []
        after = None
        while True:
            page = await store.board.page(
                SCOPE, limit=5, after=after, wanted=DocumentFilter(query=query)
            )
            assert len(page.statuses) <= 5
            seen.extend(each.document.id for each in page.statuses)
            after = page.next
            if after is None:
                break
        assert sorted(seen) == sorted(each.document.id for each in shown)
    with pytest.raises(InvalidRequest):
        await store.board.page(SCOPE, limit=5, after="x", wanted=DocumentFilter())
    named = DocumentFilter(ids=(shown[3].document.id, hidden.document.id))
    some = await store.board.page(SCOPE, limit=5, after=None, wanted=named)
    assert [each.document.id for each in some.statuses] == [shown[3].document.id]


async def test_unsettled_documents_come_oldest_first(store: QdrantStore) -> None:
    """Only documents with a way to go are claimed, those of longest ago first."""
    await store.board.put_all(
        [
            status(f"{state}.md", state, updated_at=NOW - timedelta(hours=hours))
            for hours, state in enumerate(DocumentState)
        ]
    )
    found = await store.board.unsettled(10)
    assert [each.state for each in found] == [
        DocumentState.INTERRUPTED,
        DocumentState.INDEXING,
        DocumentState.READING,
        DocumentState.ACCEPTED,
    ]
    assert len(await store.board.unsettled(2)) == 2
    assert len([each async for each in store.board.every()]) == len(DocumentState)
