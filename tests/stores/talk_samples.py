"""Samples of what is stored around answers: feedback, curators' marks, turns of conversations."""

import json
from datetime import timedelta

from pydantic_core import to_json
from tests.stores.bench import NOON, RECORD_ID, WHEN, Bench

from info_assistant.model.conversation import (
    ConversationKey,
    ConversationSummary,
    ConversationTurn,
)
from info_assistant.model.feedback import Feedback, Judgement
from info_assistant.model.unanswered import HandledMark
from info_assistant.ports import ConversationPage
from info_assistant.stores.conversations import BlobConversations
from info_assistant.stores.feedback import feedback_fields, feedback_from
from info_assistant.stores.unanswered import mark_fields, mark_from

FEEDBACK = Feedback(
    id=RECORD_ID,
    at=WHEN,
    tenant="agency",
    subject="ann",
    answer_id=RECORD_ID,
    judgement=Judgement.WRONG,
    comment="It is 31 days.",
    question="How long is leave?",
    document_ids=("6f1cf0a4-6a3b-5a43-9d52-0f6f5a3a5e10",),
)
HANDLED = HandledMark(RECORD_ID, WHEN, "agency", "ann", (RECORD_ID,), handled=True)
TALK = ConversationKey("agency", "ann", "talk-1")
LISTED = ConversationPage(
    (ConversationSummary("talk-1", "How long is leave?", 1, RECORD_ID, RECORD_ID),), None
)
TURN = ConversationTurn(RECORD_ID, "How long is leave?")


async def write_feedback(_: Bench) -> bytes:
    """Write feedback."""
    return to_json(feedback_fields(FEEDBACK))


async def read_feedback(_: Bench, data: bytes) -> object:
    """Read feedback."""
    return feedback_from(json.loads(data))


async def write_handled(_: Bench) -> bytes:
    """Write a curator's mark."""
    return to_json(mark_fields(HANDLED))


async def read_handled(_: Bench, data: bytes) -> object:
    """Read a curator's mark."""
    return mark_from(json.loads(data))


def conversations(bench: Bench) -> BlobConversations:
    """Return the conversations of a bench, which ends with the record's id."""
    return BlobConversations(bench.blobs, NOON, timedelta(days=1), next_id=lambda: RECORD_ID)


async def write_turn(bench: Bench) -> bytes:
    """Add a turn to a conversation."""
    await conversations(bench).add(TALK, TURN)
    return await bench.blobs.get(await _key(bench, "/turns/"))


async def read_turn(bench: Bench, data: bytes) -> object:
    """Read a conversation back."""
    await conversations(bench).add(TALK, TURN)
    await bench.blobs.put(await _key(bench, "/turns/"), data)
    (turn,) = await conversations(bench).newest(TALK, 5)
    return turn


async def write_entry(bench: Bench) -> bytes:
    """Enter a turn in its asker's list."""
    await conversations(bench).add(TALK, TURN)
    return await bench.blobs.get(await _key(bench, "/askers/"))


async def read_entry(bench: Bench, data: bytes) -> object:
    """List an asker's conversations, whatever else their entries say."""
    await conversations(bench).add(TALK, TURN)
    await bench.blobs.put(await _key(bench, "/askers/"), data)
    return await conversations(bench).of_asker(TALK.tenant, TALK.subject, limit=5, before=None)


async def _key(bench: Bench, part: str) -> str:
    (key,) = [key async for key in bench.blobs.keys("") if part in key]
    return key


async def write_end(bench: Bench) -> bytes:
    """Delete a conversation."""
    await conversations(bench).add(TALK, TURN)
    await conversations(bench).delete(TALK)
    return (await bench.only())[1]


async def read_end(bench: Bench, data: bytes) -> object:
    """Find that a conversation is gone, whatever its end says."""
    await write_end(bench)
    await bench.blobs.put((await bench.only())[0], data)
    await conversations(bench).add(TALK, TURN)
    return await conversations(bench).newest(TALK, 5)
