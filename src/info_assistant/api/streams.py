"""Answers as server-sent events, and the end of all work for a client that has gone.

The first bytes leave only when the sources are known, so that an outage before that keeps its HTTP
status. What fails later is an `error` event.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from info_assistant.answering.release import MayShow, released
from info_assistant.api.problems import problem_of
from info_assistant.api.wire_events import event_body, event_frame
from info_assistant.errors import InfoAssistantError
from info_assistant.model.events import AnswerEvent, AnswerFinished, SourcesFound
from info_assistant.observability.log import get_logger
from info_assistant.resilience.deadline import Deadline
from info_assistant.resilience.health import Lifecycle
from info_assistant.resilience.tasks import beside

MEDIA_TYPE = "text/event-stream"
"""What a client names in `Accept` to have its answer streamed."""

_log = get_logger("streams")
_PING = b": ping\n\n"
_WHAT = "Answering the question"


class ClientGone(Exception):
    """The client closed the connection; there is nobody left to answer."""


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Stop the body when the client goes away. Raises ClientGone; the request was read before."""
    try:
        async with asyncio.timeout(None) as scope, beside(_watch(receive, scope)):
            yield
    except TimeoutError as exc:
        if not scope.expired():
            raise
        raise ClientGone from exc


async def _watch(receive: Receive, scope: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.reschedule(asyncio.get_running_loop().time())


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a stream's events carry and may show, how often an idle one says that it is alive."""

    with_text: bool
    request_id: str
    notices: tuple[str, ...]
    ping_s: float
    lifecycle: Lifecycle
    may_show: MayShow


class AnswerStream(Response):
    """The events of one answer. `begun` are those that came before the headers could be sent."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        begun: list[AnswerEvent],
        rest: AsyncGenerator[AnswerEvent, None],
        deadline: Deadline,
        options: StreamOptions,
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Stream `begun`, then `rest` until the deadline; `on_failure` is told what ended it."""
        super().__init__(None, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._begun = begun
        self._rest = rest
        self._deadline = deadline
        self._options = options
        self._on_failure = on_failure
        self._number = 0
        self._last_sent = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the stream; it ends early, and the work behind it too, when the client goes."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        async with aclosing(self._rest):
            try:
                self._last_sent = asyncio.get_running_loop().time()
                async with while_connected(receive), beside(self._ping(send)):
                    await send(start)
                    await self._send_events(send)
            except ClientGone:
                _log.info("Client left before the end of its answer")
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, send: Send) -> None:
        try:
            with self._options.lifecycle.last_call():
                for event in self._begun:
                    # These waited for the headers; the pipeline looks at the others as they leave.
                    visible = released(event, self._options.may_show)
                    if visible is not None:
                        await self._send_event(send, visible)
                async with self._deadline.enforced(_WHAT):
                    async for event in self._rest:
                        await self._send_event(send, event)
        except ClientGone:
            raise
        except InfoAssistantError as error:
            await self._send_error(send, error)
        except Exception as error:  # noqa: BLE001  # The boundary: logged, told without details.
            _log.exception("Unexpected error in a stream")
            await self._send_error(send, error)

    async def _send_event(self, send: Send, event: AnswerEvent) -> None:
        options = self._options
        name, data = event_body(event, with_text=options.with_text, notices=options.notices)
        await self._send_frame(send, name, data)

    async def _send_error(self, send: Send, error: Exception) -> None:
        self._on_failure(error)
        problem = problem_of(error)
        body = problem.body(self._options.request_id)
        if problem.retry_after is not None:
            # The headers, where other answers say this, have gone.
            body["retry_after"] = problem.retry_after
        await self._send_frame(send, "error", body)

    async def _send_frame(self, send: Send, name: str, data: BaseModel | dict[str, object]) -> None:
        self._number += 1
        frame = event_frame(self._number, name, data)
        await _send_piece(send, frame)
        self._last_sent = asyncio.get_running_loop().time()

    async def _ping(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        while True:
            idle = loop.time() - self._last_sent
            if idle >= self._options.ping_s:
                await _send_piece(send, _PING)
                self._last_sent = loop.time()
            await asyncio.sleep(self._options.ping_s - min(idle, self._options.ping_s / 2))


async def _send_piece(send: Send, piece: bytes) -> None:
    try:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    except OSError as exc:
        raise ClientGone from exc


async def begin(events: AsyncGenerator[AnswerEvent, None]) -> list[AnswerEvent]:
    """Return the events up to the sources; whatever fails before them is raised here."""
    begun: list[AnswerEvent] = []
    async for event in events:
        begun.append(event)
        if isinstance(event, (SourcesFound, AnswerFinished)):
            break
    return begun
