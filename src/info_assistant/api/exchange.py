"""One request and its answer, as the gateway sees them: headers, a body within limits, a status."""

import asyncio
import contextlib
import re
import time
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from info_assistant.api.addresses import address_of, speaks_openai
from info_assistant.api.problems import Problem
from info_assistant.api.streams import ClientGone
from info_assistant.errors import InvalidRequest
from info_assistant.model.ids import random_bits
from info_assistant.ports import Allowance
from info_assistant.resilience.deadline import Deadline

BODY_PAUSE_S = 10.0
"""How long nothing may come of a body that is still on its way, in seconds."""

BODY_BYTES_PER_S = 32 * 1024
"""How fast a body must come on the whole, once BODY_PAUSE_S have gone."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_MILLISECONDS = re.compile(rb"[0-9]{1,9}")
_MOST_DISCARDED = 128 * 1024 * 1024
_LONGEST_DISCARD_S = 5.0


class Exchange:
    """A request on its way in and its answer on its way out.

    `limit` is the size of its body in bytes, at most; `served_mode` is what X-Served-Mode says.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limit: int, served_mode: str
    ) -> None:
        """Read the headers; the body stays where it is."""
        state = scope.setdefault("state", {})
        # A HEAD is a GET to the application; the server itself leaves the body of its answer out.
        self.scope = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        self.address, self.target = address_of(scope["method"], scope["path"])
        self.began = time.perf_counter()
        self.status = 499  # Nothing was answered: the client had gone.
        self.started = False
        # A plain mapping: this runs for every request, and most are looked at a few times only.
        # Of a header that is there twice the first counts, as for the framework.
        self.headers: Mapping[bytes, bytes] = dict(list(scope["headers"])[::-1])
        state["headers"] = self.headers
        request_id = self.headers.get(b"x-request-id", b"")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = b"%032x" % random_bits(128)
        self.request_id = request_id.decode("ascii")
        state["request_id"] = self.request_id
        length = self.headers.get(b"content-length", b"")
        self._announced = int(length) if _MILLISECONDS.fullmatch(length) else limit
        self.announced_too_much = length.isdigit() and int(length) > limit
        self._receive = receive
        self._send = send
        self._limit = limit
        self._arrived = asyncio.get_running_loop().time()
        self._received = 0
        self._more = True
        self._kept: Message | None = None
        self._own_headers = [
            (b"x-request-id", request_id),
            (b"x-served-mode", served_mode.encode("latin-1")),
            (b"x-content-type-options", b"nosniff"),
        ]

    @property
    def route(self) -> str:
        """The template of the path, so that ids in paths do not multiply the metrics."""
        return self.address.path if self.address is not None else "unmatched"

    def deadline(self, longest_s: float, *, with_body: bool = False) -> Deadline:
        """Return the moment by which the answer is to be there, counted from arrival.

        That is `longest_s` seconds, or what `X-Request-Deadline-Ms` asks for if that is less. With
        `with_body`, the time that the body may take comes on top. Raises InvalidRequest.
        """
        if with_body:
            longest_s += BODY_PAUSE_S + min(self._announced, self._limit) / BODY_BYTES_PER_S
        wish = self.headers.get(b"x-request-deadline-ms")
        if wish:
            if not _MILLISECONDS.fullmatch(wish):
                raise InvalidRequest(
                    "The header X-Request-Deadline-Ms is no number of milliseconds. Please give "
                    "a whole number such as 5000, or leave the header out."
                )
            longest_s = min(longest_s, int(wish) / 1000)
        return Deadline(self._arrived + longest_s)

    def tell_allowance(self, allowance: Allowance) -> None:
        """Let the answer say how much more the caller may ask for."""
        self._own_headers += [
            (b"ratelimit-limit", b"%d" % allowance.limit),
            (b"ratelimit-remaining", b"%d" % allowance.remaining),
            (b"ratelimit-reset", b"%d" % -(-allowance.reset_s // 1)),
        ]

    async def keep_body(self) -> None:
        """Wait until the whole body is here, and keep it for the application.

        Raises HTTPException for a body that is too large or comes too slowly, and ClientGone.
        """
        pieces: list[bytes] = []
        while self._more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            pieces.append(message.get("body", b""))
        body = b"".join(pieces)
        self.scope["state"]["body"] = body
        self._kept = {"type": "http.request", "body": body, "more_body": False}

    async def leaving(self) -> Message:
        """Return what comes after a body that is kept: the client's leaving, some time."""
        return await self._receive()

    async def receive(self) -> Message:
        """Hand on a piece of the body. Raises HTTPException beyond the limits of size and time."""
        if self._kept is not None:
            message, self._kept = self._kept, None
            return message
        if not self._more:
            return await self._receive()
        message = await self._next_piece()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                # The framework takes any other error while it reads for a malformed body.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self._more = message.get("more_body", False)
        return message

    @property
    def kept_body(self) -> bytes:
        """The whole body, once it is kept."""
        body: bytes = self._kept["body"] if self._kept is not None else b""
        return body

    async def _next_piece(self) -> Message:
        now = asyncio.get_running_loop().time()
        slowest = self._arrived + BODY_PAUSE_S + self._received / BODY_BYTES_PER_S
        try:
            async with asyncio.timeout_at(min(now + BODY_PAUSE_S, slowest)) as scope:
                return await self._receive()
        except TimeoutError as exc:
            if not scope.expired():
                raise
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from exc

    async def send(self, message: Message) -> None:
        """Hand on a piece of the answer, with the headers that every answer carries."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = [*message.get("headers", ()), *self._own_headers]
            if b"cache-control" not in dict(headers):
                headers.append((b"cache-control", b"no-store"))
            message["headers"] = headers
            if self.announced_too_much or self._received > self._limit:
                await self._discard_rest()
        await self._send(message)

    async def refuse(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a problem."""
        if speaks_openai(self.scope["path"]):
            problem = problem.in_openai_terms()
        await problem.response(self.request_id, headers)(self.scope, self._receive, self.send)

    async def _discard_rest(self) -> None:
        """Throw away what is still coming.

        A client reads no answer before it has sent its body; closing the connection meanwhile would
        look to it like a fault of the network. Who waits for leave to send gets the answer at once.
        """
        waits_for_leave = self.headers.get(b"expect", b"").lower() == b"100-continue"
        if waits_for_leave and not self._received:
            return
        discarded = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_DISCARD_S):
                while self._more and discarded < _MOST_DISCARDED:
                    message = await self._receive()
                    discarded += len(message.get("body", b""))
                    self._more = message.get("more_body", False)
