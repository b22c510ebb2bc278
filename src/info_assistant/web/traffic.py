"""Around every request: an id, security headers, counts, a log line without words of people."""

import asyncio
import re
import time
import traceback
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from info_assistant.web.failures import Failure, failure_page
from info_assistant.web.languages import Languages
from info_assistant.web.preferences import chosen_language
from info_assistant.web.rendering import Renderer
from info_assistant.web.troubles import trouble
from info_assistant.web.visits import stranger

_log = structlog.get_logger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
"""Nothing but our own stylesheets, icon and module is ever loaded, and nothing in a page is run."""

_SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With 'no-referrer' browsers send 'Origin: null' with our own form, as a foreign site would.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = {"/livez", "/readyz", "/metrics"}
_QUIET = {*_PROBES, "/static/{name}"}
_FAULT = 500


class Traffic:
    """What this process has served, and whether it takes requests (`accepting`)."""

    def __init__(self, routes: tuple[str, ...]) -> None:
        """Count requests of these routes; the counts are there, at 0, from the start."""
        self.accepting = False
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests_total",
            "Requests served, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Time from a request to the end of its response.",
            ("route",),
            registry=self.registry,
        )
        for route in routes:
            self._requests.labels(route, "GET", "200")
            self._durations.labels(route)

    def drain(self) -> None:
        """Begin to end: new requests are not welcome any more."""
        self.accepting = False

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Add one request."""
        known = method if method in {"GET", "HEAD", "POST"} else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._durations.labels(route).observe(seconds)


class KnownHosts(TrustedHostMiddleware):
    """Refuses requests for a host that we are not, except those of probes, which use addresses."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] in _PROBES:
            await self.app(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


class Watched:
    """ASGI middleware: the outermost of ours, so that no response leaves without its headers."""

    def __init__(
        self, app: ASGIApp, *, traffic: Traffic, renderer: Renderer, languages: Languages
    ) -> None:
        """Wrap `app`; count in `traffic`; show our own faults with `renderer`."""
        self._app = app
        self._traffic = traffic
        self._renderer = renderer
        self._languages = languages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        exchange = _Exchange(scope, send)
        request = Request(scope)
        accepted = request.headers.get("accept-language", "")
        request.state.language = self._languages.choose(chosen_language(request), accepted)
        try:
            await self._app(scope, receive, exchange.send)
        except asyncio.CancelledError:
            # The server's last call before it ends: nothing else cancels a page.
            task = asyncio.current_task()
            if exchange.status or self._traffic.accepting or task is None:
                raise
            task.uncancel()
            await self._page(exchange, "shutting_down", 503)(scope, receive, exchange.send)
        except Exception as exc:  # The boundary: the reader gets words, and we the trace.
            self._report(exc, exchange)
            if exchange.status:
                # The head is out. Breaking the connection is the only way left to say 'incomplete'.
                exchange.status = _FAULT
                raise
            await self._page(exchange, "internal", _FAULT)(scope, receive, exchange.send)
        finally:
            # An answer may be read to its end for long after its own response.
            self._record(exchange, (exchange.ended or time.perf_counter()) - began)

    def _report(self, error: Exception, exchange: "_Exchange") -> None:
        """Log where a fault arose. Its message and its variables can hold what somebody asked."""
        _log.error(
            "page_failed",
            error=type(error).__name__,
            trace="".join(traceback.format_tb(error.__traceback__)),
            request_id=exchange.request_id,
            route=exchange.route,
        )

    def _page(self, exchange: "_Exchange", code: str, status: int) -> Response:
        """Return the page for what ended a request from outside its own page."""
        found = Failure(status, code, trouble(code, status), "", exchange.request_id, None)
        return failure_page(
            self._renderer, found, method=exchange.method, visit=stranger(exchange.request)
        )

    def _record(self, exchange: "_Exchange", seconds: float) -> None:
        """Count the request, and log it by its route: paths and queries can hold people's words."""
        self._traffic.count(exchange.route, exchange.method, exchange.status, seconds)
        if exchange.route not in _QUIET:
            _log.info(
                "http_request",
                method=exchange.method,
                route=exchange.route,
                status=exchange.status,
                duration_ms=round(seconds * 1000, 1),
                request_id=exchange.request_id,
            )


class _Exchange:
    """One request and its response as they pass."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.status = 0
        self.ended = 0.0
        self.method: str = scope["method"]
        named = Headers(scope=scope).get("x-request-id", "")
        self.request_id = named if _REQUEST_ID.fullmatch(named) else str(uuid4())
        scope.setdefault("state", {})["request_id"] = self.request_id

    @property
    def request(self) -> Request:
        """The request, as far as its head says."""
        return Request(self._scope)

    @property
    def route(self) -> str:
        """The pattern that the path matched; it holds nothing that anybody typed."""
        pattern = getattr(self._scope.get("route"), "path", None)
        return pattern if isinstance(pattern, str) else "none"

    async def send(self, message: Message) -> None:
        """Pass a message on, adding our headers to the head of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY_HEADERS.items():
                headers[name] = value
            headers["X-Request-ID"] = self.request_id
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended = time.perf_counter()
