"""Traces over OTLP, by OpenTelemetry; imported only where a collector is named.

Spans wait in a bounded queue and leave in a thread of their own. Nobody waits for a collector: what
finds no place, or cannot be delivered in time, is lost and nothing else is.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from info_assistant.observability.spans import TRACE_HEADERS, Facts

T = TypeVar("T")

_QUEUE, _BATCH = 2048, 256
_SEND_EVERY_MS = 1000
_LONGEST_SEND_S = 5.0
_LONGEST_END_S = 2.0
_SERVER_FAULT = 500
_PROBES = frozenset({"/livez", "/readyz", "/metrics", "/health"})

_Scope = Mapping[str, Any]
_App = Callable[..., Awaitable[None]]


class Tracing:
    """Makes the spans of one process and sends them. Implements `spans.Spans`."""

    def __init__(self, service: str, endpoint: str) -> None:
        """Send to the collector at `endpoint` as `service`, unless OTEL_SERVICE_NAME says else."""
        named = Resource({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_LONGEST_SEND_S
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_QUEUE,
                max_export_batch_size=_BATCH,
                schedule_delay_millis=_SEND_EVERY_MS,
            )
        )
        self._tracer = self._provider.get_tracer("info_assistant")
        self._travels = TraceContextTextMapPropagator()

    async def close(self) -> None:
        """Send what is left, for at most two seconds."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            try:
                loop.call_soon_threadsafe(sent.set)
            except RuntimeError:
                # The collector took so long that the process has ended meanwhile.
                return

        threading.Thread(target=send, daemon=True, name="last spans").start()
        try:
            await asyncio.wait_for(sent.wait(), _LONGEST_END_S)
        except TimeoutError:
            return

    def question(self, question_id: str, seconds_ago: float = 0.0) -> "_Question":
        """Begin with a question, or note that one began some seconds ago."""
        return _Question(self._tracer, question_id, _ago(seconds_ago))

    def call(self, provider: str, model: str, facts: Facts) -> "_Call":
        """Begin with a call of a language model, under the field's names for it."""
        span = self._tracer.start_span(
            f"chat {model}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
                **facts,
            },
        )
        return _Call(span)

    @contextmanager
    def step(self, name: str, facts: Facts) -> Iterator[None]:
        """Make a span of the body, which is a step of a document's way."""
        with self._tracer.start_as_current_span(name, attributes=dict(facts)):
            yield

    def around(self, app: _App, route_of: Callable[[_Scope], str] | None = None) -> _App:
        """Return an ASGI application that makes a span of each request but those of probes.

        `route_of` names a request's route once it was served, which is what the framework says
        unless given; never a path with names in it. What is left is sent as the application ends.
        """
        named = route_of or _route_of

        async def traced(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI's own.
            if scope["type"] == "lifespan":
                await app(scope, receive, send)
                await self.close()
            elif scope["type"] != "http" or scope["path"] in _PROBES:
                await app(scope, receive, send)
            else:
                await self._serve(app, named, (scope, receive, send))

        return traced

    async def _serve(
        self, app: _App, route_of: Callable[[_Scope], str], given: tuple[Any, Any, Any]
    ) -> None:
        scope, receive, send = given
        came = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        span = self._tracer.start_span(
            scope["method"], self._travels.extract(came), kind=SpanKind.SERVER
        )
        token = attach(set_span_in_context(span))
        carried: dict[str, str] = {}
        self._travels.inject(carried)
        joined = TRACE_HEADERS.set(carried)

        async def watched(message: Any) -> None:  # noqa: ANN401  The same.
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= _SERVER_FAULT:
                    span.set_status(StatusCode.ERROR)
            await send(message)

        try:
            await app(scope, receive, watched)
        finally:
            TRACE_HEADERS.reset(joined)
            detach(token)
            route = route_of(scope)
            span.update_name(f"{scope['method']} {route}")
            span.set_attributes({"http.request.method": scope["method"], "http.route": route})
            span.end()


class _Question:
    """Implements `spans.QuestionSpans`. A stage that is entered several times is one span."""

    def __init__(self, tracer: Tracer, question_id: str, began: int) -> None:
        self._tracer = tracer
        self._whole = tracer.start_span(
            "answer question",
            attributes={"info_assistant.question.id": question_id},
            start_time=began,
        )
        self._below: Context = set_span_in_context(self._whole)
        self._stages: dict[str, tuple[Span, int]] = {}
        self._over = False

    async def within(self, stage: str, step: Awaitable[T]) -> T:
        entered = self._stages.get(stage)
        span = self._tracer.start_span(stage, self._below) if entered is None else entered[0]
        token = attach(set_span_in_context(span))
        try:
            return await step
        except Exception as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            detach(token)
            if self._over:
                span.end()
            else:
                self._stages[stage] = (span, time.time_ns())

    def done(self, stage: str, seconds: float) -> None:
        self._tracer.start_span(stage, self._below, start_time=_ago(seconds)).end()

    def end(self, facts: Facts) -> None:
        if self._over:
            return
        self._over = True
        for span, ended in self._stages.values():
            span.end(ended)
        self._whole.set_attributes(facts)
        self._whole.end()


class _Call:
    """Implements `spans.CallSpan`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def finished(self, input_tokens: int, output_tokens: int) -> None:
        self._span.set_attributes(
            {
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": output_tokens,
            }
        )

    def failed(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


def _route_of(scope: _Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


def _ago(seconds: float) -> int:
    return time.time_ns() - int(seconds * 1e9)
