"""What people do all the time: ask, read streams, hand in and delete documents, throw switches.

Everything goes to one address and is sent once; nothing is tried again. Whatever does not end as it
should is counted with its reason.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from info_assistant.drills.balancer import SERVED_BY

_TIMEOUT_S = 40.0
_STREAMED = {"Accept": "text/event-stream"}
_QUESTION_PAUSE_S, _UPLOAD_PAUSE_S, _SWITCH_PAUSE_S = 0.05, 0.6, 1.0
_DELETED_EVERY = 4


@dataclass(slots=True)
class Done:
    """What was done and acknowledged, with the ids that it got, and how often what failed.

    `documents` are those that stay; `deleted` were handed in, too. `asked` counts questions by the
    URL of the backend that answered.
    """

    asked: Counter[str] = field(default_factory=Counter)
    answers: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    switches: int = 0
    failed_questions: Counter[str] = field(default_factory=Counter)
    failed_changes: Counter[str] = field(default_factory=Counter)


class _Failed(Exception):
    """Something did not end as it should; the message is the reason in a few words."""


class Users:
    """Several people and programs at `url`, each doing one thing after the other."""

    def __init__(self, url: str, questions: Sequence[str], client: httpx2.AsyncClient) -> None:
        """Do nothing yet."""
        self.done = Done()
        self._url = url
        self._questions = questions
        self._client = client
        self._number = 0
        self._notices = 0

    async def ask(self) -> None:
        """Ask one question after the other for whole answers."""
        while True:
            await self._counted(self.done.failed_questions, self._ask_once)
            await asyncio.sleep(_QUESTION_PAUSE_S)

    async def stream(self) -> None:
        """Ask one question after the other for streams."""
        while True:
            await self._counted(self.done.failed_questions, self._stream_once)
            await asyncio.sleep(_QUESTION_PAUSE_S)

    async def curate(self) -> None:
        """Hand in documents, and delete some of them soon after."""
        while True:
            for _ in range(_DELETED_EVERY - 1):
                await self._counted(self.done.failed_changes, self._upload)
                await asyncio.sleep(_UPLOAD_PAUSE_S)
            await self._counted(self.done.failed_changes, self._upload_and_delete)
            await asyncio.sleep(_UPLOAD_PAUSE_S)

    async def operate(self) -> None:
        """Throw a switch to and fro, talk, and handle what is asked in vain."""
        while True:
            await self._counted(self.done.failed_changes, self._switch)
            await self._counted(self.done.failed_changes, self._talk)
            await self._counted(self.done.failed_changes, self._handle)
            await asyncio.sleep(_SWITCH_PAUSE_S)

    async def _counted(self, failures: Counter[str], act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except httpx2.HTTPError as error:
            failures[type(error).__name__] += 1
        except _Failed as error:
            failures[str(error)] += 1

    def _question(self) -> dict[str, str]:
        self._number += 1
        return {"question": self._questions[self._number % len(self._questions)]}

    async def _ask_once(self) -> None:
        reply = await self._client.post(f"{self._url}/v1/query", json=self._question())
        _require(reply, 200)
        self._note(reply, reply.json())

    async def _stream_once(self) -> None:
        async with self._client.stream(
            "POST", f"{self._url}/v1/query", json=self._question(), headers=_STREAMED
        ) as reply:
            await reply.aread()
            _require(reply, 200)
        name, data = _last_event(reply.text)
        if name != "final":
            raise _Failed(f"stream ended with {name} {data.get('code', '')}")
        self._note(reply, data)

    def _note(self, reply: httpx2.Response, answer: dict[str, Any]) -> None:
        self.done.asked[reply.headers[SERVED_BY]] += 1
        self.done.answers.append(answer["id"])

    async def _upload(self) -> None:
        self.done.documents.append(await self._handed_in())

    async def _upload_and_delete(self) -> None:
        document = await self._handed_in(key=f"once-{self._notices}")
        reply = await self._client.delete(f"{self._url}/v1/documents/{document}?purge=true")
        _require(reply, 204)
        self.done.deleted.append(document)

    async def _handed_in(self, key: str = "") -> str:
        self._notices += 1
        hour = self._notices % 12 + 1
        text = f"# Notice {self._notices}\n\nCounter {self._notices} opens at {hour} o'clock.\n"
        name = f"notice-{self._notices}.md"
        reply = await self._client.post(
            f"{self._url}/v1/documents",
            files={"file": (name, text.encode())},
            headers={"Idempotency-Key": key} if key else {},
        )
        _require(reply, 202)
        return str(reply.json()["documents"][0]["id"])

    async def _talk(self) -> None:
        """Ask in two conversations, end one of them, and judge an answer."""
        for talk in ("kept", "ended"):
            asked = {**self._question(), "conversation_id": talk}
            key = {"Idempotency-Key": uuid4().hex}
            reply = await self._client.post(f"{self._url}/v1/query", json=asked, headers=key)
            _require(reply, 200)
        _require(await self._client.delete(f"{self._url}/v1/conversations/ended"), 200)
        if self.done.answers:
            path = f"{self._url}/v1/answers/{self.done.answers[0]}/feedback"
            reply = await self._client.post(path, json={"judgement": "helpful"})
            # An answer of the other replica is found once its record is shipped.
            if reply.status_code != 404:  # noqa: PLR2004
                _require(reply, 201)

    async def _handle(self) -> None:
        """Mark what is asked in vain most often as handled."""
        address = f"{self._url}/v1/unanswered"
        found = await self._client.get(address, params={"limit": 1})
        _require(found, 200)
        for group in found.json()["groups"]:
            reply = await self._client.post(f"{address}/{group['id']}/handled", json={})
            # The other replica knows the newest questions some seconds later.
            if reply.status_code != 404:  # noqa: PLR2004
                _require(reply, 200)

    async def _switch(self) -> None:
        value = "extractive" if self.done.switches % 2 == 0 else None
        reply = await self._client.put(
            f"{self._url}/v1/admin/modes", json={"LLM_PROVIDER": value, "reason": "A trial"}
        )
        _require(reply, 200)
        self.done.switches += 1


def _require(reply: httpx2.Response, status: int) -> None:
    if reply.status_code != status:
        code = ""
        if reply.headers.get("content-type", "").endswith("json"):
            code = str(reply.json().get("code", ""))
        raise _Failed(f"{reply.request.method} {reply.status_code} {code}".strip())


def _last_event(text: str) -> tuple[str, dict[str, Any]]:
    frames = [frame for frame in text.split("\n\n") if frame and not frame.startswith(":")]
    if not frames:
        raise _Failed("empty stream")
    fields = dict(line.split(": ", 1) for line in frames[-1].split("\n"))
    data: dict[str, Any] = json.loads(fields["data"])
    return fields["event"], data


@asynccontextmanager
async def constant_use(url: str, questions: Sequence[str]) -> AsyncIterator[Users]:
    """Let several people use the product at `url` until the block is left."""
    async with (
        httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client,
        asyncio.TaskGroup() as group,
    ):
        users = Users(url, questions, client)
        ways = (users.ask, users.ask, users.stream, users.curate, users.operate)
        tasks = [group.create_task(way()) for way in ways]
        try:
            yield users
        finally:
            for task in tasks:
                task.cancel()
