"""The outermost layer of every request: what is decided before its body is read.

In this order: its id and size, whether its kind is served in the present mode, who sends it and
whether their role allows it, whether they have asked too often, whether a change could be recorded,
and whether there is a place for it among the requests being served. Then the application runs;
whatever it raises unexpectedly is caught, logged and answered without details. What was done is in
the audit trail before the answer leaves.

Plain ASGI: this runs for every request, and a framework's middleware would cost more than the work.
"""

import time
from contextlib import nullcontext
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from info_assistant.api.addresses import ADDRESSES, CHAT_PATH, QUERY_PATH, Address, methods_at
from info_assistant.api.auditing import AuditTrail
from info_assistant.api.exchange import Exchange
from info_assistant.api.problems import http_problem, internal_problem, problem_of
from info_assistant.api.requests import credentials_of, require_role
from info_assistant.api.services import ApiServices
from info_assistant.api.short_way import ShortWay
from info_assistant.api.streams import ClientGone, WhileConnected
from info_assistant.errors import (
    DeadlineExceeded,
    InfoAssistantError,
    RateLimited,
    ShuttingDown,
    TooBusy,
)
from info_assistant.model.traffic import Traffic
from info_assistant.observability.log import bind_request, get_logger, unbind_request
from info_assistant.ports import Allowance
from info_assistant.resilience.deadline import Deadline

DOCUMENTS_PATH = "/v1/documents"
"""The one address that takes files."""

GRACE_S = 0.15
"""How much later than its deadline a question is cut off that did not end by itself, in seconds."""

_log = get_logger("api")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_WHAT = "This request"


class Gateway:
    """ASGI middleware around the whole API."""

    def __init__(self, app: ASGIApp, services: ApiServices) -> None:
        """Wrap `app`."""
        self._app = app
        self._services = services
        self._limits = services.limits
        self._trail = AuditTrail(services.audit, services.metrics)
        self._short_way = ShortWay(services.pipeline)
        services.metrics.expect_requests((each.method, each.path) for each in ADDRESSES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = self._trail.watch(scope, receive, send)
        exchange = Exchange(
            scope, receive, watch.send, self._limit(scope), self._services.modes.served_mode
        )
        bind_request(exchange.request_id)
        try:
            await self._pass_on(exchange)
            await watch.finish()
        finally:
            self._count(exchange)
            unbind_request()

    async def _pass_on(self, exchange: Exchange) -> None:
        try:
            if exchange.announced_too_much:
                await exchange.refuse(http_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            elif exchange.address is None:
                # Never left to the framework: it would find routes under names that are not in
                # the table, such as those with a line break at their end, and ask for no caller.
                await self._refuse_unknown(exchange)
            else:
                with self._services.lifecycle.last_call():
                    await self._admit(exchange, exchange.address)
        except ClientGone:
            _log.info("Client left before its turn", route=exchange.route)
        except HTTPException as error:
            if not exchange.started:
                await exchange.refuse(http_problem(error.status_code))
        except InfoAssistantError as error:
            self._note_refusal(exchange, error)
            if not exchange.started:
                await exchange.refuse(problem_of(error))
        except Exception:  # noqa: BLE001  # The boundary: logged, and answered without details.
            _log.exception("Unexpected error", route=exchange.route)
            if not exchange.started:
                await exchange.refuse(internal_problem())

    async def _refuse_unknown(self, exchange: Exchange) -> None:
        methods = methods_at(exchange.scope["path"])
        if methods:
            problem = http_problem(HTTPStatus.METHOD_NOT_ALLOWED)
            await exchange.refuse(problem, {"Allow": ", ".join(methods)})
        else:
            await exchange.refuse(http_problem(HTTPStatus.NOT_FOUND))

    async def _admit(self, exchange: Exchange, address: Address) -> None:
        """Let the request through to the application. Raises why it may not pass."""
        question = address.traffic is Traffic.QUESTION
        deadline = exchange.deadline(
            self._limits.request_s, with_body=address.traffic is Traffic.INGESTION
        )
        self._services.modes.require_open(address.traffic)
        # A question ends by itself at its deadline, a stream with an event that says so.
        async with deadline.enforced(_WHAT, grace_s=GRACE_S if question else 0.0):
            tenant = await self._identify(exchange, address)
            await self._trail.require_trace(address)
            await self._place(exchange, address.traffic, tenant, deadline)

    async def _identify(self, exchange: Exchange, address: Address) -> str:
        """Return the tenant of the caller, who may ask this now; "" where anybody may."""
        if address.role is None:
            return ""
        caller = await self._services.authenticator.caller(credentials_of(exchange.headers))
        exchange.scope["state"]["caller"] = caller
        require_role(caller, address.role)
        allowance = await self._services.limiter.admit(caller, address.traffic)
        if allowance is not None:
            exchange.tell_allowance(allowance)
        return caller.scope.tenant

    async def _place(
        self, exchange: Exchange, traffic: Traffic, tenant: str, deadline: Deadline
    ) -> None:
        """Run the application once there is a place for the request."""
        admission = self._services.admission
        limited, reads_ahead = admission.limits(traffic), traffic is not Traffic.INGESTION
        if limited:
            admission.require_room(traffic, tenant, deadline.at)
        if reads_ahead:
            # Short bodies are here before a place is taken, so that who sends slowly holds none.
            await exchange.keep_body()
        if not limited:
            await self._app(exchange.scope, exchange.receive, exchange.send)
            return
        if exchange.route == QUERY_PATH and await self._short_way.answered(exchange):
            return
        with admission.claim(traffic, tenant, deadline.at) as place:
            if place.waits:
                watched = WhileConnected(exchange.leaving) if reads_ahead else nullcontext()
                async with watched:
                    await place.granted()
            await self._app(exchange.scope, exchange.receive, exchange.send)

    def _limit(self, scope: Scope) -> int:
        if scope["method"] == "POST" and scope["path"] == DOCUMENTS_PATH:
            return self._limits.file_bytes + self._limits.form_overhead_bytes
        if scope["path"] == CHAT_PATH:
            return self._limits.chat_bytes
        return self._limits.json_bytes

    def _note_refusal(self, exchange: Exchange, error: InfoAssistantError) -> None:
        """Count what the application did not get to see, or not to its end."""
        if isinstance(error, RateLimited):
            self._services.metrics.rate_limited.inc()
            exchange.tell_allowance(Allowance(error.limit, 0, error.retry_after_s or 0.0))
        question = exchange.address is not None and exchange.address.traffic is Traffic.QUESTION
        if question and isinstance(error, (TooBusy, DeadlineExceeded, ShuttingDown)):
            self._services.metrics.failed(error.code)

    def _count(self, exchange: Exchange) -> None:
        method = exchange.scope["method"]
        known = method if method in _METHODS else "other"
        seconds = time.perf_counter() - exchange.began
        self._services.metrics.request_answered(known, exchange.route, exchange.status, seconds)
