"""The backend's API as the pages see it: every wait has a deadline, every failure a type."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import httpx2
import structlog
from pydantic import ValidationError

from info_assistant.observability.spans import TRACE_HEADERS
from info_assistant.web.answer_events import SoFar, StreamEvent, parsed
from info_assistant.web.asking import Asking
from info_assistant.web.backend_faults import not_understood, translated
from info_assistant.web.backups import Backups
from info_assistant.web.conversations import Conversation, ConversationPage
from info_assistant.web.replies import (
    Document,
    DocumentPage,
    DocumentText,
    Health,
    Me,
    Modes,
    Outcomes,
    Passages,
    ProblemDetails,
    QuotedBy,
    RecordedAnswer,
    Reply,
    Uploaded,
)
from info_assistant.web.usage import Usage
from info_assistant.web.visits import Visit

Kind = TypeVar("Kind", bound=Reply)

_log = structlog.get_logger(__name__)

_EVENTS = "text/event-stream"
_ANSWER_ID = re.compile(r"[0-9a-f-]{36}")
_UNAVAILABLE = 503
_UPLOAD_S = 600.0

PASSAGES_SHOWN = 5
"""How many passages of a document are shown at once."""

_CONNECT_S = 2.0
# Shorter than the backend keeps idle connections, so that none is used as it is being closed.
_KEEP_IDLE_S = 2.0
_LONGEST_RETRY_AFTER_S = 86_400.0


class BackendProblem(Exception):
    """The backend answered with an error of its own.

    `status` is its HTTP status, `code` its stable code, `detail` its words for people,
    `retry_after_s` how long waiting is worthwhile, `request_id` what support can look up,
    `passages` what was found where no answer could be written, `saved_questions` like ones whose
    answers are known.
    """

    def __init__(self, status: int, details: ProblemDetails, retry_after_s: float | None) -> None:
        """Carry the problem as the backend stated it."""
        super().__init__(details.code)
        self.status = status
        self.code = details.code
        self.detail = details.detail
        self.request_id = details.request_id
        self.passages = details.passages
        self.saved_questions = details.saved_questions
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Underway:
    """An answer that has begun. Whoever holds it reads it to its end or calls `aclose`."""

    id: str
    events: AsyncIterator[StreamEvent]
    aclose: Callable[[], Awaitable[None]]

    async def read_to_end(self) -> None:
        """Read all events. Raises BackendUnavailable, DeadlineExceeded."""
        async for _ in self.events:
            pass


@dataclass(frozen=True, slots=True)
class ByteStream:
    """The body of a reply, still arriving. Whoever holds it calls `aclose`."""

    chunks: AsyncIterator[bytes]
    size_bytes: int | None
    aclose: Callable[[], Awaitable[None]]


class Backend:
    """A client of the backend's API.

    Every method raises BackendUnavailable when nothing (or nothing sensible) answers,
    DeadlineExceeded when the answer takes longer than `timeout_s`, and BackendProblem when the
    backend answers with an error.
    """

    def __init__(
        self, base_url: str, *, timeout_s: float, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Talk to the API at `base_url`; no call takes longer than `timeout_s`."""
        self._timeout_s = timeout_s
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            timeout=httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            limits=httpx2.Limits(max_connections=256, keepalive_expiry=_KEEP_IDLE_S),
            transport=transport,
            # The backend is a neighbour; a proxy meant for the internet must not see questions.
            trust_env=False,
            event_hooks={"request": [_join_trace]},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def begin(self, asking: Asking, visit: Visit) -> Underway:
        """Ask and return the answer under way: what it rests on has been found."""
        asked: dict[str, object] = {
            "question": asking.question,
            "conversation_id": asking.conversation,
        }
        if asking.document:
            asked["filters"] = {"document_ids": [asking.document]}
        request = self._client.build_request(
            "POST", "/v1/query", json=asked, headers={**visit.headers, "Accept": _EVENTS}
        )
        reply = await self._begun(request)
        events = parsed(_chunks(reply))
        answer_id = reply.headers.get("x-answer-id", "")
        if not _ANSWER_ID.fullmatch(answer_id):
            # A backend of an older version names it in its last event only.
            try:
                async with translated(self._timeout_s):
                    answer_id = await _id_at_the_end(events)
            finally:
                await reply.aclose()
        return Underway(answer_id, events, reply.aclose)

    async def recorded(self, answer_id: str, visit: Visit) -> RecordedAnswer:
        """Return an answer that is finished, as far as the visitor may see it now."""
        return await self._fetch(self._get(f"/v1/answers/{answer_id}", visit), RecordedAnswer)

    async def so_far(self, answer_id: str, visit: Visit, *, patience_s: float) -> SoFar:
        """Return what is known of an answer under way, after waiting so long for its end."""
        reply = await self.events(answer_id, 0, visit)
        known = SoFar()
        try:
            async with asyncio.timeout(patience_s), aclosing(parsed(reply.chunks)) as events:
                async for event in events:
                    known.add(event)
                    if known.ended:
                        break
            known.ended = True
        except TimeoutError:
            pass
        finally:
            await reply.aclose()
        return known

    async def events(self, answer_id: str, after: int, visit: Visit) -> ByteStream:
        """Begin to read the events of an answer that follow the one numbered `after`."""
        headers = {**visit.headers, "Accept": _EVENTS, "Last-Event-ID": str(after)}
        path = f"/v1/answers/{answer_id}/events"
        reply = await self._begun(self._client.build_request("GET", path, headers=headers))
        return ByteStream(_chunks(reply), None, reply.aclose)

    async def judge(self, answer_id: str, judgement: str, comment: str, visit: Visit) -> None:
        """Tell those who look after the documents what the visitor thinks of an answer."""
        said = {"judgement": judgement, "comment": comment}
        path = f"/v1/answers/{answer_id}/feedback"
        request = self._client.build_request("POST", path, json=said, headers=visit.headers)
        await self._fetch(request, Reply)

    async def conversations(self, before: str, visit: Visit) -> ConversationPage:
        """Return the visitor's conversations, the newest first; those `before`, where it says."""
        wanted = {"before": before} if before else {}
        return await self._fetch(self._get("/v1/conversations", visit, wanted), ConversationPage)

    async def conversation(self, name: str, visit: Visit) -> Conversation:
        """Return the visitor's questions under this id, with their answers."""
        return await self._fetch(self._get(f"/v1/conversations/{name}", visit), Conversation)

    async def delete_conversation(self, name: str, visit: Visit) -> None:
        """Forget the visitor's questions under this id."""
        path = f"/v1/conversations/{name}"
        await self._fetch(self._client.build_request("DELETE", path, headers=visit.headers), Reply)

    async def me(self, visit: Visit) -> Me:
        """Return who the backend takes the visitor for."""
        return await self._fetch(self._get("/v1/me", visit), Me)

    async def health(self, visit: Visit) -> Health:
        """Return the state of the backend, also where nothing can be answered (503)."""
        return await self._fetch(self._get("/health", visit), Health, tolerated=_UNAVAILABLE)

    async def modes(self, visit: Visit) -> Modes:
        """Return the modes in force, with who is behind them; for operators."""
        return await self._fetch(self._get("/v1/admin/modes", visit), Modes)

    async def backups(self, visit: Visit) -> Backups:
        """Return what backups there are; for operators."""
        return await self._fetch(self._get("/v1/admin/backups", visit), Backups)

    async def throw(self, order: Mapping[str, object], visit: Visit) -> Modes:
        """Throw or release switches as the API's `order` says; for operators."""
        request = self._client.build_request(
            "PUT", "/v1/admin/modes", json=dict(order), headers=visit.headers
        )
        return await self._fetch(request, Modes)

    async def usage(self, first: date, last: date, visit: Visit) -> Usage:
        """Return what language models cost between two days; for operators."""
        days = {"from": first.isoformat(), "to": last.isoformat()}
        return await self._fetch(self._get("/v1/usage", visit, days), Usage)

    async def documents(self, wanted: Mapping[str, str], limit: int, visit: Visit) -> DocumentPage:
        """Return a page of the documents that match `wanted`, the API's own parameters."""
        asked = {name: value for name, value in wanted.items() if value}
        return await self._fetch(
            self._get("/v1/documents", visit, {**asked, "limit": limit}), DocumentPage
        )

    async def upload(self, content_type: str, body: AsyncIterator[bytes], visit: Visit) -> Uploaded:
        """Hand documents in, as a browser's form has them; `body` is passed on as it comes."""
        headers = {**visit.headers, "Content-Type": content_type}
        request = self._client.build_request(
            "POST", "/v1/documents", content=body, headers=headers, timeout=_UPLOAD_S
        )
        return await self._fetch(request, Uploaded, within_s=_UPLOAD_S)

    async def act(self, document_id: str, action: str, reason: str, visit: Visit) -> None:
        """Withdraw, quarantine, restore or retry a document."""
        said = {"reason": reason} if reason else None
        path = f"/v1/documents/{document_id}/{action}"
        request = self._client.build_request("POST", path, json=said, headers=visit.headers)
        await self._fetch(request, Reply)

    async def change(self, document_id: str, change: Mapping[str, object], visit: Visit) -> None:
        """Change what is said about a document, and who may see it."""
        path = f"/v1/documents/{document_id}"
        request = self._client.build_request(
            "PATCH", path, json=dict(change), headers=visit.headers
        )
        await self._fetch(request, Reply)

    async def change_several(
        self, ids: Sequence[str], change: Mapping[str, object], visit: Visit
    ) -> Outcomes:
        """Make the same change to several documents; each has an outcome of its own."""
        request = self._client.build_request(
            "PATCH",
            "/v1/documents",
            json={"ids": list(ids), "change": dict(change)},
            headers=visit.headers,
        )
        return await self._fetch(request, Outcomes)

    async def passages(self, document_id: str, first: int, visit: Visit) -> Passages:
        """Return some of the passages in which a document is searched, from one on."""
        wanted = {"first": first, "limit": PASSAGES_SHOWN}
        request = self._get(f"/v1/documents/{document_id}/passages", visit, wanted)
        return await self._fetch(request, Passages)

    async def quoted_by(self, document_id: str, before: str, visit: Visit) -> QuotedBy:
        """Return answers that quote a document, the newest `before` an id; for contributors."""
        wanted = {"before": before} if before else {}
        path = f"/v1/documents/{document_id}/citations"
        return await self._fetch(self._get(path, visit, wanted), QuotedBy)

    async def document(self, document_id: str, visit: Visit) -> Document:
        """Return one document's state."""
        return await self._fetch(self._get(f"/v1/documents/{document_id}", visit), Document)

    async def text(
        self, document_id: str, span: tuple[int, int] | None, visit: Visit
    ) -> DocumentText:
        """Return a document's text, with `span` (or nothing) to be highlighted."""
        wanted = {} if span is None else {"start": span[0], "end": span[1]}
        request = self._get(f"/v1/documents/{document_id}/text", visit, wanted)
        return await self._fetch(request, DocumentText)

    async def original(self, document_id: str, visit: Visit) -> ByteStream:
        """Begin to read a document's own bytes."""
        reply = await self._begun(self._get(f"/v1/documents/{document_id}/original", visit))
        # Bytes that travel compressed have another length than the file.
        size = (
            "" if "content-encoding" in reply.headers else reply.headers.get("content-length", "")
        )
        return ByteStream(_chunks(reply), int(size) if size.isdecimal() else None, reply.aclose)

    async def read(
        self, path: str, kind: type[Kind], visit: Visit, params: Mapping[str, str | int]
    ) -> Kind:
        """Return what is at an address of the API."""
        return await self._fetch(self._get(path, visit, params), kind)

    async def send(
        self, path: str, body: Mapping[str, object], visit: Visit, params: Mapping[str, str | int]
    ) -> None:
        """Post something to an address of the API."""
        request = self._client.build_request(
            "POST", path, json=dict(body), params=dict(params), headers=visit.headers
        )
        await self._fetch(request, Reply)

    async def _begun(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its reply before its body; whoever takes it closes it."""
        async with translated(self._timeout_s):
            reply = await self._client.send(request, stream=True)
            if not reply.is_success:
                try:
                    await reply.aread()
                finally:
                    await reply.aclose()
                raise _problem(reply)
        return reply

    def _get(
        self, path: str, visit: Visit, params: Mapping[str, str | int] | None = None
    ) -> httpx2.Request:
        """Return a request for `path`."""
        return self._client.build_request(
            "GET", path, params=dict(params or {}), headers=visit.headers
        )

    async def _fetch(
        self,
        request: httpx2.Request,
        kind: type[Kind],
        *,
        tolerated: int = 0,
        within_s: float | None = None,
    ) -> Kind:
        """Send a request and return its reply as `kind`; the status `tolerated` is no failure."""
        async with translated(within_s or self._timeout_s):
            reply = await self._client.send(request)
            if not reply.is_success and reply.status_code != tolerated:
                raise _problem(reply)
            try:
                # A long document is megabytes of JSON: too much to parse on the event loop.
                return await asyncio.to_thread(kind.model_validate_json, reply.content)
            except ValidationError as exc:
                # The message of the validation quotes the reply, and so perhaps a document.
                fields = [".".join(map(str, error["loc"])) for error in exc.errors()[:5]]
                _log.warning("backend_reply_not_understood", kind=kind.__name__, fields=fields)
                raise not_understood() from None


async def _chunks(reply: httpx2.Response) -> AsyncIterator[bytes]:
    """Yield the bytes of a reply, its errors translated."""
    async with translated(None):
        async for chunk in reply.aiter_bytes():
            yield chunk


async def _id_at_the_end(events: AsyncIterator[StreamEvent]) -> str:
    """Return the id that the last event names. Raises BackendProblem, BackendUnavailable."""
    known = SoFar()
    async for event in events:
        known.add(event)
    if known.problem is not None:
        raise BackendProblem(known.problem.status, known.problem, known.problem.retry_after)
    if known.answer is None or not _ANSWER_ID.fullmatch(known.answer.id):
        raise not_understood()
    return known.answer.id


def _problem(reply: httpx2.Response) -> BackendProblem:
    """Return the error that a reply states; one in no known shape keeps its status only."""
    try:
        details = ProblemDetails.model_validate_json(reply.content)
    except ValidationError:
        details = ProblemDetails()
    return BackendProblem(reply.status_code, details, _seconds(reply.headers.get("retry-after")))


def _seconds(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header names, within reason."""
    if value is None or not value.isdecimal():
        return None
    return min(float(value), _LONGEST_RETRY_AFTER_S)


async def _join_trace(request: httpx2.Request) -> None:
    """Let a request belong to the trace of the page that it is for, where one is made."""
    request.headers.update(TRACE_HEADERS.get())
