"""Documents' progress as server-sent events: each change once, until nothing more is to come.

The board is asked twice a second, whoever writes to it. A stream ends before the time for a request
is up, with the word `again`: a browser's EventSource then comes back by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from info_assistant.api.problems import problem_of
from info_assistant.api.streams import MEDIA_TYPE, PING, ClientGone, WhileConnected, send_piece
from info_assistant.api.wire_documents import document_body
from info_assistant.api.wire_events import event_frame
from info_assistant.errors import InfoAssistantError, NotFound, Overloaded
from info_assistant.model.document import DocumentStatus

_LOOK_S = 0.5
_COME_BACK = b"retry: 1000\n\n"

Look = Callable[[], Awaitable[Sequence[DocumentStatus]]]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How often an idle stream says that it is alive, and how long it lasts at most, in seconds."""

    ping_s: float
    longest_s: float


class Places:
    """How many may watch at once."""

    def __init__(self, most: int) -> None:
        """Let in `most`."""
        self._left = most

    def take(self) -> "Place":
        """Return a place. Raises Overloaded where all are taken."""
        if self._left == 0:
            raise Overloaded(
                "So many watch documents come in that there is no place left. Look at the list of "
                "documents instead, or try again in a moment.",
                retry_after_s=5,
            )
        self._left -= 1
        return Place(self)

    def give_back(self) -> None:
        """Let in one more."""
        self._left += 1


class Place:
    """One place among those that watch, until it is given back."""

    def __init__(self, places: Places) -> None:
        """Hold a place."""
        self._places: Places | None = places

    def give_back(self) -> None:
        """Let another have it; more than once changes nothing."""
        if self._places is not None:
            self._places.give_back()
            self._places = None


class DocumentStream(Response):
    """The events of one watch."""

    media_type = MEDIA_TYPE

    def __init__(
        self, look: Look, first: Sequence[DocumentStatus], options: WatchOptions, place: Place
    ) -> None:
        """Tell of `first`, then of what `look` finds."""
        super().__init__(None, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._look = look
        self._first = first
        self._options = options
        self._place = place
        self._number = 0

    @classmethod
    async def begin(cls, look: Look, options: WatchOptions, place: Place) -> Self:
        """Return a stream after a first look, so that what fails then keeps its status code."""
        try:
            return cls(look, await look(), options, place)
        except BaseException:
            place.give_back()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the stream; it ends early when the client goes."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            async with WhileConnected(receive):
                await send(start)
                await send_piece(send, _COME_BACK)
                await self._watch(send)
        except ClientGone:
            return
        finally:
            self._place.give_back()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        ends, pinged = loop.time() + self._options.longest_s, loop.time()
        told: dict[str, DocumentStatus] = {}
        found = self._first
        while True:
            for status in found:
                if told.get(status.document.id) != status:
                    told[status.document.id] = status
                    await self._event(send, "document", document_body(status))
                    pinged = loop.time()
            if all(status.state.settled for status in found):
                await self._event(send, "settled", {"documents": len(told)})
                return
            if loop.time() + _LOOK_S >= ends:
                await self._event(send, "again", {"documents": len(told)})
                return
            if loop.time() - pinged >= self._options.ping_s:
                await send_piece(send, PING)
                pinged = loop.time()
            await asyncio.sleep(_LOOK_S)
            try:
                found = await self._look()
            except InfoAssistantError as error:
                if not isinstance(error, NotFound):
                    await self._event(send, "error", problem_of(error).body(""))
                else:
                    await self._event(send, "gone", {})
                return

    async def _event(self, send: Send, name: str, data: BaseModel | dict[str, object]) -> None:
        self._number += 1
        await send_piece(send, event_frame(self._number, name, data))
