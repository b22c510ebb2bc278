"""Everything stored, in each shape that was ever released: it is read today, and by a newer build.

`tests/fixtures/schemas/{kind}/{version}.json` was written by the build that introduced the version
and is kept for ever. A change of shape raises the number in `model/schema.py` and adds a file.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json
from tests.stores.backup_samples import (
    MANIFEST,
    VERIFICATION,
    read_manifest,
    read_verification,
    write_manifest,
    write_verification,
)
from tests.stores.bench import NOON, RECORD_ID, WHEN, Bench, Read, Write, store_text
from tests.stores.stored_things import (
    AGAIN,
    ANSWER,
    CHANGE,
    DOCUMENT,
    EVENT,
    INDEXED,
    KNOWN,
    MOMENT,
    PASSAGE,
    QUOTED,
    READING,
    REPLY,
    SAVED,
    SPENT,
    STATE,
    STATUS,
    TOMBSTONE,
)
from tests.stores.talk_samples import (
    FEEDBACK,
    HANDLED,
    LISTED,
    TURN,
    read_end,
    read_entry,
    read_feedback,
    read_handled,
    read_turn,
    write_end,
    write_entry,
    write_feedback,
    write_handled,
    write_turn,
)

from info_assistant.ingestion.readings import open_reading, reading_key
from info_assistant.model.answer import Answer, AnswerUsage, Citation
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.known_answer import KnownAnswer
from info_assistant.model.metadata import Metadata
from info_assistant.model.schema import CURRENT, Stored, stamped
from info_assistant.model.spend import ModelCall
from info_assistant.resilience.idempotency import IdempotentRequests
from info_assistant.stores.answer_records import answer_fields, answer_record
from info_assistant.stores.answer_repeats import WholeRecords, whole_fields
from info_assistant.stores.audit import audit_event, audit_fields
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.claims import claim
from info_assistant.stores.journal import Journal
from info_assistant.stores.journal_file import Record
from info_assistant.stores.known_answers import decoded, decoded_question, encoded, encoded_question
from info_assistant.stores.ledger import spend_event, spend_fields
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant.payload import (
    candidate_from,
    passage_payload,
    status_from,
    status_payload,
)
from info_assistant.stores.writers import WriterMarks, WriterWatch

FIXTURES = Path(__file__).parents[1] / "fixtures" / "schemas"
FREE = frozenset({"timings_ms", "detail", "fields", "packs", "counts", "metadata"})
"""Members whose names are data, so that one more is one more fact and no unknown field."""


async def write_document(bench: Bench) -> bytes:
    """Commit a document."""
    await BlobCatalogue(bench.blobs).commit(DOCUMENT)
    return (await bench.only())[1]


async def read_document(bench: Bench, data: bytes) -> object:
    """Read a document back."""
    await bench.blobs.put(f"agency/documents/{DOCUMENT.id}/00000003.json", data)
    return await BlobCatalogue(bench.blobs).latest("agency", DOCUMENT.id)


async def write_tombstone(bench: Bench) -> bytes:
    """Bury a document."""
    await BlobCatalogue(bench.blobs).bury(TOMBSTONE)
    return (await bench.only())[1]


async def read_tombstone(bench: Bench, data: bytes) -> object:
    """Read a tombstone back."""
    await bench.blobs.put(f"agency/tombstones/{DOCUMENT.id}/00000003.json", data)
    return await first(BlobCatalogue(bench.blobs).tombstones())


async def write_reading(bench: Bench) -> bytes:
    """Save a reading."""
    await store_text(bench.blobs, DOCUMENT, READING)
    return (await bench.only())[1]


async def read_reading(bench: Bench, data: bytes) -> object:
    """Load a reading."""
    await bench.blobs.put(reading_key(DOCUMENT), data)
    stored = await open_reading(bench.blobs, DOCUMENT)
    return stored and await stored.stretch(0, 1)


async def write_passage(_: Bench) -> bytes:
    """Write a passage's payload."""
    return json.dumps(passage_payload(INDEXED)).encode()


async def read_passage(_: Bench, data: bytes) -> object:
    """Read what a search needs of a passage."""
    found = candidate_from({"id": PASSAGE.id, "score": 0.5, "payload": json.loads(data)})
    spans = tuple(zip(found.token_edges[::2], found.token_edges[1::2], strict=True))
    return found.passage, list(found.terms), found.tokens.tolist(), spans


async def write_status(_: Bench) -> bytes:
    """Write a document's state."""
    return json.dumps(status_payload(STATUS)).encode()


async def read_status(_: Bench, data: bytes) -> object:
    """Read a document's state."""
    return status_from(DOCUMENT.id, json.loads(data))


async def write_object(bench: Bench) -> bytes:
    """Write a shared object."""
    objects = SharedObjects(bench.blobs, bench.folder / "last-good", NOON)
    await objects.open("switches").change(lambda _: STATE.fields)
    return await bench.blobs.get("system/switches/00000001.json")


async def read_object(bench: Bench, data: bytes) -> object:
    """Read a shared object, from object storage and from the last good copy."""
    await bench.blobs.put("system/switches/00000001.json", data)
    folder = bench.folder / "last-good"
    await SharedObjects(bench.blobs, folder, NOON).open("switches").refresh()
    shared = SharedObjects(bench.blobs, bench.folder, NOON).open("switches")
    await shared.refresh()
    copy = SharedObjects(bench.blobs, folder, NOON).open("switches")
    assert copy.current == shared.current
    return shared.current


async def write_event(_: Bench) -> bytes:
    """Write an audit event."""
    return to_json(audit_fields(EVENT))


async def read_event(_: Bench, data: bytes) -> object:
    """Read an audit event."""
    return audit_event(json.loads(data))


async def write_spend(_: Bench) -> bytes:
    """Write a line of the ledger."""
    return to_json(spend_fields(SPENT))


async def read_spend(_: Bench, data: bytes) -> object:
    """Read a line of the ledger."""
    return spend_event(json.loads(data))


async def write_answer(_: Bench) -> bytes:
    """Write an answer record."""
    return to_json(answer_fields(ANSWER))


async def read_answer(_: Bench, data: bytes) -> object:
    """Read an answer record."""
    return answer_record(json.loads(data))


async def write_known(_: Bench) -> bytes:
    """Write an entry of the answer cache."""
    return encoded(KNOWN)


async def read_known(_: Bench, data: bytes) -> object:
    """Read an entry of the answer cache."""
    known = decoded(data)
    return known and fields_of(known)


def fields_of(known: KnownAnswer) -> tuple[object, ...]:
    """Return what an entry says."""
    return known.answer, known.found, known.position, known.given_at, known.fresh_until


async def write_repeat(_: Bench) -> bytes:
    """Write the record of an answer that is given again."""
    known = WholeRecords()
    known.note(ANSWER)
    return to_json(known.repeat_of(AGAIN))


async def read_repeat(_: Bench, data: bytes) -> object:
    """Read it with the record that has it all."""
    whole = json.loads(to_json(answer_fields(ANSWER)))
    return answer_record(whole_fields(json.loads(data), whole))


async def write_question(_: Bench) -> bytes:
    """Write a saved question."""
    return encoded_question(SAVED)


async def read_question(_: Bench, data: bytes) -> object:
    """Read a saved question."""
    return decoded_question(SAVED.key, data)


async def write_changes(bench: Bench) -> bytes:
    """Publish a change of visibility."""
    await BlobChangeFeed(bench.blobs, NOON).publish([CHANGE])
    return (await bench.only())[1]


async def read_changes(bench: Bench, data: bytes) -> object:
    """Hear of a change of visibility."""
    await bench.blobs.put("system/changes/0000000001.json", data)
    return (await first(BlobChangeFeed(bench.blobs, NOON).news())).changes


async def write_journal(bench: Bench) -> bytes:
    """Begin a journal; what it says of itself, and its tables."""
    journal = Journal(bench.folder)
    await journal.append([Record("audit", "agency", RECORD_ID, b"{}")])
    assert journal.folder is not None
    path = journal.folder / "journal.sqlite3"
    await journal.close()
    with sqlite3.connect(path) as file:
        query = "SELECT sql FROM sqlite_master WHERE sql > '' AND name NOT LIKE 'sqlite%'"
        tables = [row[0] for row in file.execute(query)]
        about = json.loads(file.execute("SELECT about FROM journal").fetchone()[0])
    file.close()
    return json.dumps({**about, "writer": "0123456789ab", "tables": tables}).encode()


async def read_journal(bench: Bench, data: bytes) -> object:
    """Adopt a journal with a record in it that another build has left."""
    about = json.loads(data)
    folder = bench.folder / "dead"
    folder.mkdir(exist_ok=True)
    (folder / "lock").touch()
    file = sqlite3.connect(folder / "journal.sqlite3")
    with file:
        for each in about.pop("tables"):
            file.execute(each)
        if about["schema"] > CURRENT[Stored.JOURNAL]:
            file.execute("ALTER TABLE records ADD COLUMN from_the_future TEXT")
        file.execute("INSERT INTO journal (about) VALUES (?)", (json.dumps(about),))
        row = ("audit", "agency", RECORD_ID, b'{"id": "' + RECORD_ID.encode() + b'"}')
        file.execute("INSERT INTO records (kind, tenant, id, body) VALUES (?, ?, ?, ?)", row)
    file.close()
    journal = Journal(bench.folder, claim(folder))
    await journal.cut()
    ((number, name),) = await journal.cuts()
    lines = await journal.lines(number)
    await journal.shipped(number)
    await journal.forget()
    await journal.retire()
    return name, lines


async def write_request(bench: Bench) -> bytes:
    """Answer an upload under a key."""
    requests = IdempotentRequests(bench.blobs, NOON)
    begun = await requests.begin(LOCAL_OPERATOR, "my-key", "ab" * 32)
    await bench.blobs.delete(f"{begun.folder}/asked.json")
    await requests.finish(begun, REPLY)
    return (await bench.only())[1]


async def read_request(bench: Bench, data: bytes) -> object:
    """Send an upload again under its key."""
    requests = IdempotentRequests(bench.blobs, NOON)
    begun = await requests.begin(LOCAL_OPERATOR, "my-key", "ab" * 32)
    await bench.blobs.put(f"{begun.folder}/told.json", data)
    reply = (await requests.begin(LOCAL_OPERATOR, "my-key", "ab" * 32)).reply
    assert reply is not None
    return reply.status, json.loads(reply.body)["documents"]


async def write_purge(bench: Bench) -> bytes:
    """Order that quotes go."""
    await BlobCatalogue(bench.blobs).order_purge(TOMBSTONE)
    return (await bench.only())[1]


async def read_purge(bench: Bench, data: bytes) -> object:
    """Read an order that counts."""
    await BlobCatalogue(bench.blobs).bury(TOMBSTONE)
    await bench.blobs.put(f"agency/purges/{DOCUMENT.id}/00000003.json", data)
    return await BlobCatalogue(bench.blobs).purges("agency")


async def write_mark(bench: Bench) -> bytes:
    """Mark that a writer lives."""
    await WriterMarks(bench.blobs, 20_000_000).renew("0123456789ab", WHEN, news=False)
    return (await bench.only())[1]


async def read_mark(bench: Bench, data: bytes) -> object:
    """Read the gap after the mark of a writer that has vanished."""
    await bench.blobs.put(f"system/writers/0123456789ab/{MOMENT}-open.json", data)
    watch = WriterWatch(bench.blobs, NOON, gone_s=0)
    await watch.look()
    return [(each.writer, each.at_most_micro_usd) for each in await watch.gaps()]


KINDS: Mapping[Stored, tuple[Write, Read, object]] = {
    Stored.DOCUMENT: (write_document, read_document, DOCUMENT),
    Stored.TOMBSTONE: (write_tombstone, read_tombstone, TOMBSTONE),
    Stored.READING: (write_reading, read_reading, READING),
    Stored.PASSAGE: (
        write_passage,
        read_passage,
        (
            PASSAGE,
            [3, 70_000],
            INDEXED.vectors.tokens.tolist(),
            INDEXED.vectors.token_spans,
        ),
    ),
    Stored.DOCUMENT_STATUS: (write_status, read_status, STATUS),
    Stored.SHARED_OBJECT: (write_object, read_object, STATE),
    Stored.AUDIT_EVENT: (write_event, read_event, EVENT),
    Stored.ANSWER_RECORD: (write_answer, read_answer, ANSWER),
    Stored.KNOWN_ANSWER: (write_known, read_known, fields_of(KNOWN)),
    Stored.ANSWER_REPEAT: (write_repeat, read_repeat, AGAIN),
    Stored.SAVED_QUESTION: (write_question, read_question, SAVED),
    Stored.FEEDBACK: (write_feedback, read_feedback, FEEDBACK),
    Stored.HANDLED_MARK: (write_handled, read_handled, HANDLED),
    Stored.CONVERSATION_TURN: (write_turn, read_turn, TURN),
    Stored.CONVERSATION_END: (write_end, read_end, []),
    Stored.CONVERSATION_ENTRY: (write_entry, read_entry, LISTED),
    Stored.SPEND_EVENT: (write_spend, read_spend, SPENT),
    Stored.VISIBILITY_CHANGES: (write_changes, read_changes, (CHANGE,)),
    Stored.UPLOAD_REQUEST: (write_request, read_request, (202, [])),
    Stored.WRITER_MARK: (write_mark, read_mark, [("0123456789ab", 20_000_000)]),
    Stored.BACKUP_MANIFEST: (write_manifest, read_manifest, MANIFEST),
    Stored.BACKUP_VERIFICATION: (write_verification, read_verification, VERIFICATION),
    Stored.QUOTE_PURGE: (write_purge, read_purge, (TOMBSTONE,)),
    Stored.JOURNAL: (
        write_journal,
        read_journal,
        (
            f"agency/segments/audit/2026-11-23/{MOMENT}-{MOMENT}-0123456789ab-1.jsonl",
            f'{{"id": "{RECORD_ID}"}}\n'.encode(),
        ),
    ),
}
OLD_DOCUMENT = replace(DOCUMENT, metadata=Metadata(), hold=None)
OLD_QUOTED = QUOTED._replace(effective=None, superseded=None, marking=None, language=None)


def _without_languages(answer: Answer) -> Answer:
    def without(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
        return tuple(
            replace(each, passage=each.passage._replace(language=None)) for each in citations
        )

    citations, see_also = without(answer.citations), without(answer.see_also)
    return replace(answer, citations=citations, see_also=see_also)


UNNAMED = _without_languages(ANSWER.answer)
OLD_ANSWER = replace(ANSWER, notice=1, narrowed=False, answer=replace(UNNAMED, conflicts=()))
MEANT_BEFORE: Mapping[tuple[Stored, int], object] = {
    (Stored.DOCUMENT, 1): OLD_DOCUMENT,
    (Stored.DOCUMENT_STATUS, 1): replace(STATUS, document=OLD_DOCUMENT),
    (Stored.PASSAGE, 1): (
        PASSAGE._replace(effective=None, superseded=None, marking=None, language=None),
        *KINDS[Stored.PASSAGE][2][1:],  # type: ignore[index]
    ),
    (Stored.ANSWER_RECORD, 1): replace(
        OLD_ANSWER,
        answer=replace(
            ANSWER.answer,
            citations=(replace(ANSWER.answer.citations[0], passage=OLD_QUOTED),),
            see_also=(replace(ANSWER.answer.see_also[0], passage=OLD_QUOTED._replace(page=None)),),
            follow_ups=(),
            usage=AnswerUsage(),
            given_at=None,
            documents_changed_since=None,
            conflicts=(),
        ),
        conversation_id=None,
        searched="",
        prompt="",
        checks=(),
    ),
    (Stored.PASSAGE, 2): (PASSAGE._replace(language=None), *KINDS[Stored.PASSAGE][2][1:]),  # type: ignore[index]
    (Stored.READING, 1): replace(READING, language=None),
    (Stored.READING, 2): replace(READING, language=None),
    (Stored.SPEND_EVENT, 1): replace(SPENT, call=ModelCall("agency", "my-request", 2)),
    (Stored.ANSWER_RECORD, 2): replace(
        OLD_ANSWER,
        answer=replace(OLD_ANSWER.answer, given_at=None, documents_changed_since=None),
    ),
    (Stored.ANSWER_RECORD, 3): OLD_ANSWER,
    (Stored.ANSWER_RECORD, 4): replace(ANSWER, answer=OLD_ANSWER.answer),
    (Stored.ANSWER_RECORD, 5): replace(ANSWER, answer=UNNAMED),
    (Stored.KNOWN_ANSWER, 2): fields_of(replace(KNOWN, answer=UNNAMED)),
    (Stored.KNOWN_ANSWER, 1): fields_of(replace(KNOWN, answer=OLD_ANSWER.answer)),
    (Stored.VISIBILITY_CHANGES, 1): (replace(CHANGE, access=("hr",)),),
}
"""What samples of earlier versions mean, where that is less than what is written now."""

FILES = [
    pytest.param(kind, version, id=f"{kind.value} {version}")
    for kind in Stored
    for version in range(1, CURRENT[kind] + 1)
]


async def first(found: AsyncIterator[Any]) -> Any:  # noqa: ANN401  Whatever it is.
    """Return the first of what is found."""
    return await anext(aiter(found))


def newer(value: Any) -> Any:  # noqa: ANN401  Any JSON.
    """Return a value as a later build might store it: higher versions, a field more everywhere."""
    if isinstance(value, list):
        return [newer(each) for each in value]
    if not isinstance(value, dict):
        return value
    fields = {name: each if name in FREE else newer(each) for name, each in value.items()}
    if "schema" in fields:
        fields["schema"] += 7
    return {**fields, "from_the_future": {"any": ["thing"]}}


@pytest.mark.parametrize(("kind", "version"), FILES)
async def test_what_any_release_wrote_is_read(kind: Stored, version: int, tmp_path: Path) -> None:
    """Each kept sample is read as what it meant, also with what a later build adds to it."""
    _, read, meant = KINDS[kind]
    meant = MEANT_BEFORE.get((kind, version), meant)
    stored = json.loads((FIXTURES / kind.value / f"{version}.json").read_bytes())
    assert stored["schema"] == version
    for name, fields in (("as written", stored), ("by a later build", newer(stored))):
        (tmp_path / name).mkdir()
        assert await read(Bench(tmp_path / name), json.dumps(fields).encode()) == meant


@pytest.mark.parametrize("kind", list(Stored), ids=str)
async def test_a_change_of_shape_raises_the_number(kind: Stored, tmp_path: Path) -> None:
    """What this build writes is, field by field, the sample of its version."""
    write, _, _ = KINDS[kind]
    written = json.loads(await write(Bench(tmp_path)))
    sample = FIXTURES / kind.value / f"{CURRENT[kind]}.json"
    assert sample.exists(), f"keep this as {sample}: {json.dumps(written)}"
    assert written == json.loads(sample.read_bytes()), (
        f"the shape of {kind.value} has changed: raise its number in model/schema.py and keep "
        f"this as the sample of the new version: {json.dumps(written)}"
    )


def test_stamps_come_first_and_from_one_place() -> None:
    """A stamp is the number of the kind, and nobody else in the product writes one."""
    assert list(stamped(Stored.DOCUMENT, {"id": 1}).items()) == [
        ("schema", CURRENT[Stored.DOCUMENT]),
        ("id", 1),
    ]
    source = Path(__file__).parents[2] / "src" / "info_assistant"
    writers = [
        path.relative_to(source).as_posix()
        for package in ("model", "stores", "ingestion", "answering", "identity", "resilience")
        for path in (source / package).rglob("*.py")
        if '"schema":' in path.read_text(encoding="utf-8")
    ]
    assert writers == ["model/schema.py"]
