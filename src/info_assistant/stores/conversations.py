"""What was asked in each conversation, as small objects (`ports.ConversationTurns`).

`{tenant}/conversations/{digest}/turns/{answer id}.json` is a turn, `…/ends/{id}.json` the word that
every turn before that id is gone. The digest is made from tenant, caller and the conversation's id,
so that nobody can name another's. The questions are in the answer records too; these objects are
there to be found by conversation, on every replica at once, and to be deleted.

`…/askers/{digest}/{answer id}.{conversation}.json` says in its name that a caller (tenant and
subject make the digest) has that turn in that conversation: one listing tells all conversations of
a caller and which was asked in last. Only turns say what is there still; an entry without one
counts for nothing, and `list_again` makes entries that are missing.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from pydantic_core import to_json

from info_assistant.errors import NotFound, ObjectStorageUnavailable
from info_assistant.model.conversation import (
    ConversationKey,
    ConversationSummary,
    ConversationTurn,
)
from info_assistant.model.ids import LAST_ID, first_id_at, new_id
from info_assistant.model.schema import MALFORMED, Stored, stamped
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, ConversationPage, FolderBlobs

_FOLDER = "conversations"
_PASS_S = 24 * 3600.0
_FIRST_PASS_S = 120.0
_log = get_logger("conversations")


class BlobConversations:
    """Conversations in object storage. Methods raise ObjectStorageUnavailable."""

    def __init__(
        self,
        blobs: FolderBlobs,
        clock: Clock,
        keep: timedelta,
        *,
        next_id: Callable[[], str] = new_id,
    ) -> None:
        """Keep turns in `blobs` for as long as `keep` says."""
        self._blobs = blobs
        self._clock = clock
        self._keep = keep
        self._next_id = next_id

    async def add(self, key: ConversationKey, turn: ConversationTurn) -> None:
        """Add a turn; every replica sees it when this returns."""
        fields = stamped(
            Stored.CONVERSATION_TURN, {"id": turn.answer_id, "question": turn.question}
        )
        await self._blobs.put_new(f"{_turns(key)}/{turn.answer_id}.json", to_json(fields))
        await self._enter(key, turn.answer_id)

    async def newest(self, key: ConversationKey, limit: int) -> Sequence[ConversationTurn]:
        """Return the newest turns, oldest first; unreadable ones are left out."""
        names = (await self._living(key))[-limit:]
        found = await asyncio.gather(*(self._turn(key, name) for name in names))
        return [each for each in found if each is not None]

    async def delete(self, key: ConversationKey) -> int:
        """Forget all turns so far, durably; return how many there were."""
        living = await self._living(key)
        if not living:
            return 0
        # The word first: a turn that comes back, or that is being added now, stays gone.
        end = self._next_id()
        fields = stamped(Stored.CONVERSATION_END, {"id": end})
        await self._blobs.put_new(f"{_folder(key)}/ends/{end}.json", to_json(fields))
        for name in living:
            await self._blobs.delete(f"{_turns(key)}/{name}.json")
            await self._blobs.delete(_entry(key, name))
        return len(living)

    async def deleted(self, key: ConversationKey, answer_id: str) -> bool:
        """Whether the turn with this answer was deleted by its asker."""
        ends = [_id_of(name) async for name in self._blobs.keys(f"{_folder(key)}/ends")]
        return answer_id <= max(ends, default="")

    async def of_asker(
        self, tenant: str, subject: str, *, limit: int, before: str | None
    ) -> ConversationPage:
        """Return a caller's conversations, the one asked in last first."""
        last: dict[str, str] = {}
        async for name in self._blobs.keys(_asker_folder(tenant, subject)):
            answer_id, _, conversation = _id_of(name).partition(".")
            last[conversation] = max(answer_id, last.get(conversation, ""))
        until = before or LAST_ID
        left = sorted(((each, name) for name, each in last.items() if each < until), reverse=True)
        shown = left[:limit]
        keys = [ConversationKey(tenant, subject, name) for _, name in shown]
        found = await asyncio.gather(*map(self._summary, keys))
        following = shown[-1][0] if len(left) > limit else None
        return ConversationPage(tuple(each for each in found if each is not None), following)

    async def list_again(self, key: ConversationKey) -> int:
        """Enter all turns of a conversation in its asker's list; return how many were missing."""
        return sum([await self._enter(key, each) for each in await self._living(key)])

    async def _enter(self, key: ConversationKey, answer_id: str) -> bool:
        """Enter a turn in its asker's list; return whether it was missing there."""
        fields = stamped(Stored.CONVERSATION_ENTRY, {"id": answer_id, "conversation": key.id})
        return await self._blobs.put_new(_entry(key, answer_id), to_json(fields))

    async def _summary(self, key: ConversationKey) -> ConversationSummary | None:
        """Return what a list says of a conversation, or None if no turn of it is left."""
        living = await self._living(key)
        if not living:
            return None
        first = await self._turn(key, living[0])
        title = "" if first is None else first.question
        return ConversationSummary(key.id, title, len(living), living[0], living[-1])

    async def run(self) -> None:
        """Delete what is older than it may be, once a day, until cancelled."""
        await asyncio.sleep(_FIRST_PASS_S)
        while True:
            with suppress(ObjectStorageUnavailable):
                removed = await self.expire()
                _log.info("Old turns of conversations deleted", turns=removed)
            await asyncio.sleep(_PASS_S)

    async def expire(self) -> int:
        """Delete what is older than it may be; return how many objects that were."""
        oldest = self._oldest()
        removed = 0
        for tenant in await self._blobs.folders(""):
            async for name in self._blobs.keys(f"{tenant}/{_FOLDER}"):
                if _id_of(name) < oldest:
                    await self._blobs.delete(name)
                    removed += 1
        return removed

    def _oldest(self) -> str:
        moment = self._clock.now() - self._keep
        return first_id_at(int(moment.timestamp() * 1000))

    async def _living(self, key: ConversationKey) -> list[str]:
        """Return the ids of the turns that are neither deleted nor too old, oldest first."""
        turns: list[str] = []
        ends = [self._oldest()]
        async for name in self._blobs.keys(_folder(key)):
            (turns if "/turns/" in name else ends).append(_id_of(name))
        end = max(ends)
        return sorted(each for each in turns if each > end)

    async def _turn(self, key: ConversationKey, name: str) -> ConversationTurn | None:
        try:
            return turn_from(await self._blobs.get(f"{_turns(key)}/{name}.json"))
        except NotFound:
            return None  # Deleted since the names were listed.
        except MALFORMED as error:
            _log.warning("Turn of a conversation unreadable", error=type(error).__name__)
            return None


def turn_from(data: bytes) -> ConversationTurn:
    """Return a turn as it is stored; unknown fields are ignored. Raises one of MALFORMED."""
    fields = json.loads(data)
    return ConversationTurn(str(fields["id"]), str(fields["question"]))


def _folder(key: ConversationKey) -> str:
    named = json.dumps([key.tenant, key.subject, key.id]).encode()
    return f"{key.tenant}/{_FOLDER}/{hashlib.sha256(named).hexdigest()[:40]}"


def _asker_folder(tenant: str, subject: str) -> str:
    named = json.dumps([tenant, subject]).encode()
    return f"{tenant}/{_FOLDER}/askers/{hashlib.sha256(named).hexdigest()[:40]}"


def _entry(key: ConversationKey, answer_id: str) -> str:
    return f"{_asker_folder(key.tenant, key.subject)}/{answer_id}.{key.id}.json"


def _turns(key: ConversationKey) -> str:
    return f"{_folder(key)}/turns"


def _id_of(name: str) -> str:
    return name.rsplit("/", 1)[-1].removesuffix(".json")
