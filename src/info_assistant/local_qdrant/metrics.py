"""The metrics of the real server that dashboards and alerts rely on, under its names."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from info_assistant.errors import InfoAssistantError
from info_assistant.local_qdrant.directory import Directory


class Metrics:
    """Counts replies and reads the directory when asked."""

    def __init__(self, directory: Directory, version: str) -> None:
        """Export the state of `directory`."""
        self._registry = CollectorRegistry()
        self._registry.register(_State(directory, version))
        self._responses = Counter(
            "rest_responses",
            "Replies by route and status.",
            ("method", "endpoint", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "rest_responses_duration_seconds",
            "Time from request to reply.",
            ("method", "endpoint"),
            registry=self._registry,
        )

    def answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count a reply."""
        self._responses.labels(method, endpoint, str(status)).inc()
        self._seconds.labels(method, endpoint).observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics as text for Prometheus."""
        return generate_latest(self._registry)


class _State(Collector):
    def __init__(self, directory: Directory, version: str) -> None:
        self._directory = directory
        self._version = version

    def collect(self) -> Iterable[Metric]:
        app = {"name": "local-qdrant", "version": self._version}
        yield InfoMetricFamily("app", "The server and the API version it speaks.", value=app)
        names = self._directory.names
        yield GaugeMetricFamily("collections_total", "Number of collections.", value=len(names))
        points = GaugeMetricFamily("collection_points", "Points by collection.", labels=["id"])
        for name in names:
            try:
                count = self._directory.collection(name).points_count()
            except InfoAssistantError:
                # A collection that cannot be opened says so to whoever asks for it.
                continue
            points.add_metric([name], count)
        yield points
