"""Every metric of the backend, each name once, each exported at 0 from the start.

An alert on a metric that does not exist yet never fires, so all label values that are known
beforehand are created with the registry.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from info_assistant.errors import InfoAssistantError, ProviderFault
from info_assistant.model.answer import Answer, AnswerMode, AnswerStatus, Support
from info_assistant.model.document import DocumentState
from info_assistant.model.mode import ModeName
from info_assistant.model.record import SentenceCheck
from info_assistant.model.spend import SpendEvent
from info_assistant.model.traffic import Refusal, Traffic
from info_assistant.observability.backups import BackupGauges
from info_assistant.observability.conditions import Conditions
from info_assistant.observability.counted_later import CountedLater

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""The media type of `Metrics.render`."""

STAGES = ("embed", "retrieve", "rank", "generate", "total")
"""Stages of `answer_duration_seconds` that exist from the start; the pipeline may name more."""

PROVIDERS = ("openai", "anthropic")
"""The providers of language models that metrics and /health name, set up or not."""

_Metric = TypeVar("_Metric", bound=MetricWrapperBase)

_ANSWER_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 5.0, 10.0, 30.0)
_HTTP_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AWAITED = (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_INGESTION_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class _Children(dict[tuple[object, ...], _Metric]):
    """A metric's children by their labels: looking one up anew costs more than counting."""

    def __init__(self, metric: _Metric) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[object, ...]) -> _Metric:
        child = self[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        """Create every metric at 0."""
        self.registry = CountedLater()
        ProcessCollector(registry=self.registry)
        self.conditions = Conditions(self.registry)
        self._create_http_metrics()
        self._create_answer_metrics()
        self._create_document_metrics()
        self._create_record_metrics()
        self.backups = BackupGauges(self.registry)
        self._create_spend_metrics()
        self._create_mode_metrics()
        self._create_load_metrics()
        self._create_provider_metrics()
        self._requests = _Children(self.http_requests)
        self._request_durations = _Children(self.http_request_duration)
        self._answers = _Children(self.answers)
        self._stages = _Children(self.answer_duration)
        self._cache_requests = _Children(self.cache_requests)
        self._checks = _Children(self.sentences_checked)

    def _create_http_metrics(self) -> None:
        self.http_requests = Counter(
            "http_requests",
            "Answered HTTP requests.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.http_request_duration = Histogram(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_HTTP_BUCKETS,
            registry=self.registry,
        )
        self.rate_limited = Counter(
            "rate_limited", "Requests refused by a rate limit.", registry=self.registry
        )

    def _create_answer_metrics(self) -> None:
        self.answers = Counter(
            "answers", "Finished answers.", ("status", "answer_mode"), registry=self.registry
        )
        for status in AnswerStatus:
            for mode in AnswerMode:
                self.answers.labels(status.value, mode.value)
        self.answers_failed = Counter(
            "answers_failed",
            "Questions that ended in an error.",
            ("code",),
            registry=self.registry,
        )
        for code in _codes(InfoAssistantError):
            self.answers_failed.labels(code)
        self.answer_duration = Histogram(
            "answer_duration_seconds",
            "Time that an answer spent in each stage.",
            ("stage",),
            buckets=_ANSWER_BUCKETS,
            registry=self.registry,
        )
        for stage in STAGES:
            self.answer_duration.labels(stage)
        self.sentences_checked = Counter(
            "sentences_checked",
            "Drafted sentences by what their check found.",
            ("support",),
            registry=self.registry,
        )
        for support in Support:
            self.sentences_checked.labels(support.value)
        self.sentences_held_back = Counter(
            "sentences_held_back",
            "Drafted sentences that no reader saw.",
            registry=self.registry,
        )
        self.cache_requests = Counter(
            "cache_requests", "Look-ups in the answer cache.", ("result",), registry=self.registry
        )
        for result in ("hit", "miss", "bypass"):
            self.cache_requests.labels(result)

    def _create_document_metrics(self) -> None:
        self.qdrant_connection_errors = Counter(
            "qdrant_connection_errors",
            "Calls and probes that found Qdrant unavailable.",
            registry=self.registry,
        )
        self.redis_connection_errors = Counter(
            "redis_connection_errors",
            "Requests and looks that found Redis unavailable.",
            registry=self.registry,
        )
        self.documents = Gauge(
            "documents", "Documents by state.", ("state",), registry=self.registry
        )
        for state in DocumentState:
            self.documents.labels(state.value)
        self.ingestion_duration = Histogram(
            "ingestion_duration_seconds",
            "Time from the beginning with a document until it is ready or failed.",
            buckets=_INGESTION_BUCKETS,
            registry=self.registry,
        )
        self.background_failures = Counter(
            "background_failures",
            "Background tasks that failed and were started again.",
            ("task",),
            registry=self.registry,
        )

    def show_documents(self, counts: Mapping[DocumentState, int]) -> None:
        """Show how many documents are in each state."""
        for state, count in counts.items():
            self.documents.labels(state.value).set(count)

    def _create_mode_metrics(self) -> None:
        self.mode_active = Gauge(
            "mode_active", "1 while a mode is in force.", ("mode",), registry=self.registry
        )
        self.incident_open = Gauge(
            "incident_open", "Incidents that are not over yet.", registry=self.registry
        )
        self.show_modes((), incidents=0)

    def show_modes(self, active: Collection[ModeName], incidents: int) -> None:
        """Show which modes are in force and how many incidents are open."""
        for name in ModeName:
            self.mode_active.labels(name.value).set(name in active)
        self.incident_open.set(incidents)

    def _create_record_metrics(self) -> None:
        self.records_pending = Gauge(
            "records_pending",
            "Answer records and audit events on this machine that are not in object storage yet.",
            registry=self.registry,
        )
        self.audit_append_failures = Counter(
            "audit_append_failures",
            "Audit events that could not be kept.",
            registry=self.registry,
        )
        self.audit_events_skipped = Counter(
            "audit_events_skipped",
            "Refusals of unknown callers beyond the rate at which they are noted.",
            registry=self.registry,
        )
        self.answer_record_failures = Counter(
            "answer_record_failures",
            "Answers that could not be recorded.",
            registry=self.registry,
        )

        self.visibility_stale = Gauge(
            "visibility_stale",
            "1 while documents removed or closed elsewhere in the last 30 s may be unknown here.",
            registry=self.registry,
        )

    def _create_spend_metrics(self) -> None:
        self.llm_tokens = Counter(
            "llm_tokens",
            "Tokens that language models read and wrote; estimated for calls that broke off.",
            ("provider", "kind"),
            registry=self.registry,
        )
        self.llm_cost = Counter(
            "llm_cost_usd",
            "US dollars that calls of language models cost.",
            ("provider",),
            registry=self.registry,
        )
        for provider in PROVIDERS:
            self.llm_cost.labels(provider)
            for kind in ("input", "cached_input", "output"):
                self.llm_tokens.labels(provider, kind)
        self.spend_pending = Gauge(
            "spend_events_pending",
            "Lines of the ledger on this machine that are not in object storage yet.",
            registry=self.registry,
        )

    def spent(self, event: SpendEvent) -> None:
        """Count the tokens and the cost of a call that has ended."""
        usage, provider = event.usage, event.provider
        self.llm_tokens.labels(provider, "input").inc(usage.input)
        self.llm_tokens.labels(provider, "cached_input").inc(usage.cached_input)
        self.llm_tokens.labels(provider, "output").inc(usage.output)
        self.llm_cost.labels(provider).inc(event.micro_usd / 1e6)

    def _create_load_metrics(self) -> None:
        self.loop_lag = Histogram(
            "event_loop_lag_seconds",
            "How late the event loop was, looked at fifty times a second.",
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self.last_loop_lag = Gauge(
            "event_loop_lag_last_seconds", "The event loop's last lag.", registry=self.registry
        )
        kind = ("traffic",)
        self.places = Gauge(
            "places", "Requests of a kind that are served at once.", kind, registry=self.registry
        )
        self.places_in_use = Gauge(
            "places_in_use", "Requests being served.", kind, registry=self.registry
        )
        self.requests_waiting = Gauge(
            "requests_waiting", "Requests that wait for a place.", kind, registry=self.registry
        )
        self.requests_refused = Counter(
            "requests_refused",
            "Requests that got no place, by reason.",
            ("traffic", "reason"),
            registry=self.registry,
        )

    def _create_provider_metrics(self) -> None:
        self.llm_errors = Counter(
            "llm_errors",
            "Failed calls to language models, by the class of the fault.",
            ("provider", "kind"),
            registry=self.registry,
        )
        self.provider_status = Gauge(
            "provider_status",
            "1 while a provider of language models answers, 0 while it does not or is not set up.",
            ("provider",),
            registry=self.registry,
        )
        self.breaker_state = Gauge(
            "breaker_state",
            "State of the breaker before a dependency: 0 closed, 1 recovering, 2 open.",
            ("dependency",),
            registry=self.registry,
        )
        for provider in PROVIDERS:
            self.provider_status.labels(provider)
            self.breaker_state.labels(provider)
            for kind in ProviderFault:
                self.llm_errors.labels(provider, kind.value)

    def task_failed(self, name: str) -> None:
        """Count a background task that failed and is started again."""
        self.background_failures.labels(name).inc()

    def watch_breaker(self, dependency: str, closed: Callable[[], bool]) -> None:
        """Show a breaker that lets everything through or nothing."""
        self.breaker_state.labels(dependency).set_function(lambda: 0.0 if closed() else 2.0)

    def provider_failed(self, provider: str, kind: str) -> None:
        """Count a failed call to a language model."""
        self.llm_errors.labels(provider, kind).inc()

    def loop_lagged(self, seconds: float) -> None:
        """Note how late the event loop was."""
        self.loop_lag.observe(seconds)
        self.last_loop_lag.set(seconds)

    def watch_places(
        self,
        traffic: Traffic,
        *,
        places: Callable[[], float],
        in_use: Callable[[], float],
        waiting: Callable[[], float],
    ) -> None:
        """Show how full it is for one kind of traffic, asked for at each export."""
        self.places.labels(traffic.value).set_function(places)
        self.places_in_use.labels(traffic.value).set_function(in_use)
        self.requests_waiting.labels(traffic.value).set_function(waiting)
        for reason in Refusal:
            self.requests_refused.labels(traffic.value, reason.value)

    def refused(self, traffic: Traffic, reason: Refusal) -> None:
        """Count a request that got no place."""
        self.requests_refused.labels(traffic.value, reason.value).inc()

    def expect_requests(self, addresses: Iterable[tuple[str, str]]) -> None:
        """Export requests with these methods and routes at 0: those that go well and that fail.

        Of a series that begins at 1, no rule sees that it was 0 before.
        """
        for method, route in addresses:
            for status in _AWAITED:
                self.http_requests.labels(method, route, status.value)

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request. `route` is a path template, never a path."""
        self.registry.later(partial(self._count_request, method, route, status, seconds))

    def _count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests[method, route, status].inc()
        self._request_durations[route,].observe(seconds)

    def answered(self, answer: Answer) -> None:
        """Count a finished answer and the time of each of its stages."""
        kind, cache = (answer.status, answer.mode), answer.served_by.cache
        self.registry.later(partial(self._count_answer, kind, cache, answer.timings_ms))

    def _count_answer(
        self, kind: tuple[AnswerStatus, AnswerMode], cache: str, timings_ms: Mapping[str, float]
    ) -> None:
        self._answers[kind].inc()
        self._cache_requests["bypass" if cache == "off" else cache,].inc()
        for stage, milliseconds in timings_ms.items():
            self._stages[stage,].observe(milliseconds / 1000)

    def failed(self, code: str) -> None:
        """Count a question that ended in an error."""
        self.answers_failed.labels(code).inc()

    def checked(self, checks: Sequence[SentenceCheck], held_back: int) -> None:
        """Count the checks of a draft's sentences, and those that were held back."""
        self.registry.later(partial(self._count_checks, tuple(checks), held_back))

    def _count_checks(self, checks: Sequence[SentenceCheck], held_back: int) -> None:
        for each in checks:
            self._checks[each.support,].inc()
        if held_back:
            self.sentences_held_back.inc(held_back)

    def unrecorded(self) -> None:
        """Count an answer of which no record could be kept."""
        self.answer_record_failures.inc()

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


def _codes(root: type[InfoAssistantError]) -> set[str]:
    """Return the codes of an error class and of all its subclasses."""
    return {root.code}.union(*(_codes(child) for child in root.__subclasses__()))
