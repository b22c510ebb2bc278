"""Answers as server-sent events, and the end of all work for a client that has gone.

The first bytes leave only when the sources are known, so that an outage before that keeps its HTTP
status. What fails later is an `error` event.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from info_assistant.answering.release import MayShow, released
from info_assistant.errors import InfoAssistantError
from info_assistant.model.events import AnswerEvent, AnswerFinished, SourcesFound
from info_assistant.observability.log import get_logger
from info_assistant.resilience.deadline import Deadline
from info_assistant.resilience.health import Lifecycle
from info_assistant.resilience.tasks import BesideLater, beside

MEDIA_TYPE = "text/event-stream"
"""What a client names in `Accept` to have its answer streamed."""

_WANTED = MEDIA_TYPE.encode("ascii")

WATCHED_AFTER_S = 0.05
"""How long nobody looks whether a client is still there, in seconds."""

_log = get_logger("streams")
ID_HEADER = "X-Answer-Id"
"""What a stream says of itself before its first event, so that it can be taken up again."""

PING = b": ping\n\n"
"""A comment, which says that a stream is alive."""
_WHAT = "Answering the question"


def wants_stream(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request, by its headers, wants its answer as a stream."""
    return _WANTED in headers.get(b"accept", b"").lower()


class ClientGone(Exception):
    """The client closed the connection; there is nobody left to answer."""


class WhileConnected:
    """Stops the body of `async with` when the client goes away; the request was read before.

    Raises ClientGone. The client is watched once the body has taken WATCHED_AFTER_S: most answers
    are there before, and a task for each would cost more than it can save.
    """

    __slots__ = ("_receive", "_scope", "_watching")

    def __init__(self, receive: Receive) -> None:
        """Learn from `receive` that the client has gone."""
        self._receive = receive
        self._scope = asyncio.timeout(None)
        self._watching = BesideLater(self._watch, WATCHED_AFTER_S)

    async def __aenter__(self) -> None:
        """Begin."""
        await self._scope.__aenter__()
        await self._watching.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the watching. Raises ClientGone if the body was stopped."""
        stopped: asyncio.CancelledError | None = None
        try:
            await self._watching.__aexit__()
        except asyncio.CancelledError as exc:
            stopped, kind, error, trace = exc, type(exc), exc, exc.__traceback__
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError as exc:
            raise ClientGone from exc
        if isinstance(error, TimeoutError) and self._scope.expired():
            raise ClientGone from error
        if stopped is not None:
            raise stopped

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._scope.reschedule(asyncio.get_running_loop().time())


class Rendering(Protocol):
    """How the events of one answer become bytes."""

    def event(self, number: int, event: AnswerEvent) -> bytes:
        """Return the bytes of an event, the `number`-th of its answer; none where it has none."""

    def failure(self, number: int, error: Exception) -> bytes:
        """Return the bytes of how an answer ended instead."""

    def end(self) -> bytes:
        """Return the last bytes of every stream."""


def _nothing(*_anything: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream's events are written and may be shown, how often an idle one says it is alive.

    `first` is the number of the first event, `answer_id` what the stream is taken up again by.
    `on_failure` is told what ended the answer instead of
    its final event; `on_end` is called at the end, whatever it was.
    """

    rendering: Rendering
    ping_s: float
    lifecycle: Lifecycle
    may_show: MayShow
    first: int = 1
    answer_id: str = ""
    on_failure: Callable[[Exception], None] = _nothing
    on_end: Callable[[], None] = _nothing


class AnswerStream(Response):
    """The events of one answer. `begun` are those that came before the headers could be sent."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        begun: Sequence[AnswerEvent],
        rest: AsyncGenerator[AnswerEvent | None, None],
        deadline: Deadline,
        options: StreamOptions,
    ) -> None:
        """Stream `begun`, then `rest` until the deadline; None is an event that may not be seen."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers | {ID_HEADER: options.answer_id})
        del self.headers["content-length"]
        self._begun = begun
        self._rest = rest
        self._deadline = deadline
        self._options = options
        self._number = options.first - 1
        self._last_sent = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the stream; it ends early, and the work behind it too, when the client goes."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            async with aclosing(self._rest):
                self._last_sent = asyncio.get_running_loop().time()
                async with WhileConnected(receive), beside(self._ping(send)):
                    await send(start)
                    await self._send_events(send)
        except ClientGone:
            _log.info("Client left before the end of its answer")
            return
        finally:
            self._options.on_end()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, send: Send) -> None:
        try:
            with self._options.lifecycle.last_call():
                for event in self._begun:
                    # These waited for the headers; the pipeline looks at the others as they leave.
                    await self._send_event(send, released(event, self._options.may_show))
                async with self._deadline.enforced(_WHAT):
                    async for each in self._rest:
                        await self._send_event(send, each)
        except ClientGone:
            raise
        except InfoAssistantError as error:
            await self._send_error(send, error)
        except Exception as error:  # noqa: BLE001  # The boundary: logged, told without details.
            _log.exception("Unexpected error in a stream")
            await self._send_error(send, error)
        await self._send(send, self._options.rendering.end())

    async def _send_event(self, send: Send, event: AnswerEvent | None) -> None:
        # What may not be seen keeps its number, so that numbers mean the same when read again.
        self._number += 1
        if event is not None:
            await self._send(send, self._options.rendering.event(self._number, event))

    async def _send_error(self, send: Send, error: Exception) -> None:
        self._options.on_failure(error)
        self._number += 1
        await self._send(send, self._options.rendering.failure(self._number, error))

    async def _send(self, send: Send, piece: bytes) -> None:
        if piece:
            await send_piece(send, piece)
            self._last_sent = asyncio.get_running_loop().time()

    async def _ping(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        while True:
            idle = loop.time() - self._last_sent
            if idle >= self._options.ping_s:
                await send_piece(send, PING)
                self._last_sent = loop.time()
            await asyncio.sleep(self._options.ping_s - min(idle, self._options.ping_s / 2))


async def send_piece(send: Send, piece: bytes) -> None:
    """Send the next bytes of a body that goes on. Raises ClientGone."""
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
