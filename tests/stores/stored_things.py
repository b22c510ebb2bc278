"""One of each thing that is stored, with something in every field."""

from dataclasses import replace
from datetime import date

import numpy as np
from tests.stores.bench import RECORD_ID, WHEN

from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    AnswerUsage,
    Citation,
    Conflict,
    ConflictKind,
    ConflictSide,
    ServedBy,
    Support,
)
from info_assistant.model.audit import AuditEvent
from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    Hold,
    HoldKind,
    Progress,
    Tombstone,
)
from info_assistant.model.known_answer import KnownAnswer, SavedQuestion
from info_assistant.model.metadata import Metadata
from info_assistant.model.passage import (
    IndexedPassage,
    Passage,
    PassageVectors,
    Span,
    SparseVector,
)
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.model.record import AnswerRecord, SentenceCheck
from info_assistant.model.spend import ModelCall, Purpose, SpendEvent, SpendState
from info_assistant.model.visibility import ChangeKind, VisibilityChange
from info_assistant.ports import SharedState
from info_assistant.resilience.idempotency import Reply

AGAIN_ID = "01a209d2-0000-7000-8000-000000000002"
MOMENT = f"{0x01A209D20000:013d}"
DOCUMENT = Document(
    id="6f1cf0a4-6a3b-5a43-9d52-0f6f5a3a5e10",
    tenant="agency",
    source="handbook/leave.md",
    title="Leave — a guide",
    revision=3,
    content=Content(2, "ab" * 32, 1234, "text/markdown"),
    access=("everyone", "hr"),
    created_at=WHEN,
    updated_at=WHEN,
    metadata=Metadata(
        source_url="https://intranet.example/leave",
        language="en-AU",
        effective=date(2026, 1, 1),
        superseded=date(2027, 1, 1),
        review_by=date(2026, 12, 1),
        marking="OFFICIAL",
        tags=("leave", "people"),
    ),
    hold=Hold(HoldKind.QUARANTINED, "Names of private persons in it.", "ann", WHEN),
)
TOMBSTONE = Tombstone("agency", DOCUMENT.id, 3, WHEN, "ann")
READING = Reading(
    (
        Block(BlockKind.HEADING, "Leave", page=1, level=2),
        Block(BlockKind.TABLE_ROW, "30 | days", table_header="Days | Unit"),
    ),
    title="Leave",
    pages=1,
    notes=("Page 2 holds no text.",),
    language="en-GB",
)
PASSAGE = Passage(
    id="0a4c8c0e-4b0b-5d5e-8a55-5b7f4b2f8c11",
    tenant="agency",
    document_id=DOCUMENT.id,
    version=2,
    ordinal=4,
    title="Leave — a guide",
    source="handbook/leave.md",
    access=("everyone", "hr"),
    heading_path=("Leave", "Length"),
    table_header="Days | Unit",
    page=7,
    text="Leave lasts 30 days. It is paid.",
    start=100,
    end=132,
    statements=(Span(0, 20), Span(21, 32)),
    access_revision=3,
    effective=date(2026, 1, 1),
    superseded=date(2027, 1, 1),
    marking="OFFICIAL",
    language="en-AU",
)
INDEXED = IndexedPassage(
    PASSAGE,
    PassageVectors(
        dense=np.zeros(4, dtype=np.float32),
        sparse=SparseVector((3, 70_000), (0.5, 1.5)),
        tokens=np.arange(-6, 6, dtype=np.int8).reshape(3, 4),
        token_spans=(Span(0, 2), Span(2, 3)),
    ),
)
STATUS = DocumentStatus(
    DOCUMENT, DocumentState.INDEXING, WHEN, "Half done.", Progress(5, 9, "passages"), 5
)
QUOTED = PASSAGE._replace(
    text="Leave lasts 30 days.", start=100, end=120, table_header="", statements=()
)
ANSWER = AnswerRecord(
    id=RECORD_ID,
    at=WHEN,
    tenant="agency",
    subject="ann",
    question="How long is leave?",
    answer=Answer(
        id=RECORD_ID,
        status=AnswerStatus.ANSWERED,
        mode=AnswerMode.EXTRACTIVE,
        sentences=(AnswerSentence("Leave lasts 30 days.", (1,), Support.SUPPORTED),),
        citations=(Citation(1, QUOTED, "Leave lasts 30 days.", 100, 120),),
        see_also=(Citation(2, QUOTED._replace(page=None), "Leave lasts 30 days.", 100, 120),),
        served_by=ServedBy("extractive", "quotes", "miss", "LLM_PROVIDER"),
        evidence=0.75,
        documents_as_of=WHEN,
        degraded=("vector_store_slow",),
        timings_ms={"total": 12.5},
        notices=("A notice.",),
        follow_ups=("What does “Leave” say about “Length”?",),
        usage=AnswerUsage(120, 30, 42),
        given_at=WHEN,
        documents_changed_since=True,
        conflicts=(
            Conflict(
                ConflictKind.DURATION,
                (
                    ConflictSide(1, "30 days", "Leave lasts 30 days.", 100, 120),
                    ConflictSide(2, "20 days", "Leave lasts 20 days.", 300, 320),
                ),
            ),
        ),
    ),
    conversation_id="talk-1",
    searched="How long is annual leave?",
    prompt="answer-1",
    checks=(
        SentenceCheck(Support.SUPPORTED),
        SentenceCheck(Support.REFUTED, ("quantity",)),
    ),
    notice=2,
    narrowed=True,
)
KNOWN = KnownAnswer(ANSWER.answer, (PASSAGE.id,), 17, WHEN, WHEN)
AGAIN = replace(
    ANSWER,
    id=AGAIN_ID,
    subject="bob",
    question="how long is leave?",
    answer=replace(ANSWER.answer, id=AGAIN_ID, timings_ms={"total": 0.5}),
)
SAVED = SavedQuestion("ab" * 32, "How long is leave?", b"\x00<\x00\xbc")
EVENT = AuditEvent(
    id=RECORD_ID,
    at=WHEN,
    tenant="agency",
    actor="ann",
    action="document.read",
    target=DOCUMENT.id,
    outcome="done",
    request_id="my-request",
    detail=(("format", "text"),),
)
SPENT = SpendEvent(
    id=RECORD_ID,
    at=WHEN,
    call=ModelCall("agency", "my-request", 2, Purpose.JUDGE),
    provider="openai",
    model="gpt-4o-mini",
    state=SpendState.ABORTED,
    usage=TokenUsage(1200, 300, 1000, estimated=True),
    micro_usd=285,
    prices="genai-prices 0.2.3",
)
REPLY = Reply(202, '{"documents": []}')
CHANGE = VisibilityChange("agency", DOCUMENT.id, ChangeKind.ACCESS, 3, (), ("hr",))
STATE = SharedState(1, {"MAINTENANCE_MODE": {"value": "true"}})
