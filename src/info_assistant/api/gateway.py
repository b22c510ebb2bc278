"""The outermost layer of every request: what is decided before its body is read.

In this order: its id and size, whether its kind is served in the present mode, who sends it and
whether their role allows it, and a place among the requests being served. Then the application
runs; whatever it raises unexpectedly is caught, logged and answered without details.

Plain ASGI: this runs for every request, and a framework's middleware would cost more than the work.
"""

import asyncio
import contextlib
import re
import time
import uuid
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from info_assistant.api.addresses import Address, address_of
from info_assistant.api.problems import Problem, http_problem, internal_problem, problem_of
from info_assistant.api.requests import credentials_of, require_role
from info_assistant.api.services import ApiServices
from info_assistant.errors import InfoAssistantError
from info_assistant.model.traffic import Traffic
from info_assistant.observability.log import bind_request, get_logger, unbind_request

DOCUMENTS_PATH = "/v1/documents"
"""The one address that takes files."""

_log = get_logger("api")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_MOST_DISCARDED = 128 * 1024 * 1024
_LONGEST_DISCARD_S = 5.0


class Gateway:
    """ASGI middleware around the whole API."""

    def __init__(self, app: ASGIApp, services: ApiServices) -> None:
        """Wrap `app`."""
        self._app = app
        self._services = services
        self._limits = services.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(
            scope, receive, send, self._limit(scope), self._services.modes.served_mode
        )
        bind_request(exchange.request_id)
        try:
            await self._pass_on(exchange)
        finally:
            self._count(exchange)
            unbind_request()

    async def _pass_on(self, exchange: "_Exchange") -> None:
        try:
            if exchange.announced_too_much:
                await exchange.refuse(http_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            elif exchange.address is None:
                await self._app(exchange.scope, exchange.receive, exchange.send)
            else:
                with self._services.lifecycle.last_call():
                    await self._admit(exchange, exchange.address)
        except InfoAssistantError as error:
            if not exchange.started:
                await exchange.refuse(problem_of(error))
        except Exception:  # noqa: BLE001  # The boundary: logged, and answered without details.
            _log.exception("Unexpected error", route=exchange.route)
            if not exchange.started:
                await exchange.refuse(internal_problem())

    async def _admit(self, exchange: "_Exchange", address: Address) -> None:
        """Let the request through to the application. Raises why it may not pass."""
        self._services.modes.require_open(address.traffic)
        if address.role is not None:
            caller = await self._services.authenticator.caller(credentials_of(exchange.scope))
            require_role(caller, address.role)
            exchange.scope["state"]["caller"] = caller
        if address.traffic is Traffic.QUESTION:
            async with self._services.admission.place():
                await self._app(exchange.scope, exchange.receive, exchange.send)
        else:
            await self._app(exchange.scope, exchange.receive, exchange.send)

    def _limit(self, scope: Scope) -> int:
        if scope["method"] == "POST" and scope["path"] == DOCUMENTS_PATH:
            return self._limits.file_bytes + self._limits.form_overhead_bytes
        return self._limits.json_bytes

    def _count(self, exchange: "_Exchange") -> None:
        method = exchange.scope["method"]
        known = method if method in _METHODS else "other"
        seconds = time.perf_counter() - exchange.began
        self._services.metrics.request_answered(known, exchange.route, exchange.status, seconds)


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limit: int, served_mode: str
    ) -> None:
        self.scope = scope
        self.address, self.target = address_of(scope["method"], scope["path"])
        self._served_mode = served_mode
        self.began = time.perf_counter()
        self.status = 499  # Nothing was answered: the client had gone.
        self.started = False
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.request_id
        length = headers.get("content-length", "")
        self.announced_too_much = length.isdigit() and int(length) > limit
        self._receive = receive
        self._send = send
        self._limit = limit
        self._received = 0
        self._more = True
        self._waits_for_leave = headers.get("expect", "").lower() == "100-continue"

    @property
    def route(self) -> str:
        """The template of the path, so that ids in paths do not multiply the metrics."""
        route = self.scope.get("route")
        return getattr(route, "path", "unmatched")

    async def receive(self) -> Message:
        """Hand on a piece of the body. Raises HTTPException beyond the limit."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                # The framework takes any other error while it reads for a malformed body.
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self._more = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Hand on a piece of the answer, with the headers that every answer carries."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers["X-Served-Mode"] = self._served_mode
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            if self.announced_too_much or self._received > self._limit:
                await self._discard_rest()
        await self._send(message)

    async def _discard_rest(self) -> None:
        """Throw away what is still coming.

        A client reads no answer before it has sent its body; closing the connection meanwhile would
        look to it like a fault of the network. Who waits for leave to send gets the answer at once.
        """
        if self._waits_for_leave and not self._received:
            return
        discarded = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_DISCARD_S):
                while self._more and discarded < _MOST_DISCARDED:
                    message = await self._receive()
                    discarded += len(message.get("body", b""))
                    self._more = message.get("more_body", False)

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem."""
        await problem.response(self.request_id)(self.scope, self._receive, self.send)
