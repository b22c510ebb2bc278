"""Lists of conversations, made again from the answer records.

Conversations are listed by entries that are written with each turn (`stores/conversations.py`).
Those of turns that came before there were entries, or that an older backend wrote, are made here.
"""

from collections.abc import AsyncIterator

from info_assistant.model.conversation import ConversationKey
from info_assistant.ports import FolderBlobs
from info_assistant.stores import answer_records, answer_repeats
from info_assistant.stores.conversations import BlobConversations
from info_assistant.stores.segments import SegmentReader


async def list_again(blobs: FolderBlobs, conversations: BlobConversations) -> int:
    """Enter what is missing in the lists of all tenants; return how many turns that were.

    Turns that their asker deleted stay gone. Raises ObjectStorageUnavailable.
    """
    reader = SegmentReader(blobs)
    entered = 0
    for tenant in await blobs.folders(""):
        known: set[ConversationKey] = set()
        async for key in _asked_in(reader, tenant):
            if key not in known:
                known.add(key)
                entered += await conversations.list_again(key)
    return entered


async def _asked_in(reader: SegmentReader, tenant: str) -> AsyncIterator[ConversationKey]:
    """Yield the conversation of each recorded question of a tenant that was asked in one."""
    for kind in (answer_records.KIND, answer_repeats.KIND):
        for day in await reader.days(kind, tenant):
            async for records in reader.of_day(kind, tenant, day, set()):
                for fields in records:
                    conversation, subject = fields.get("conversation_id"), fields.get("subject")
                    if isinstance(conversation, str) and isinstance(subject, str):
                        yield ConversationKey(tenant, subject, conversation)
