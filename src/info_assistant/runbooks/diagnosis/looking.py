"""Looks at everything side by side, each look with a deadline of its own."""

import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from os import killpg
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

from info_assistant.runbooks.diagnosis.asking import (
    FAULTS,
    RedisAsker,
    fetch,
    fetch_json,
    metrics_of,
    outcome_of,
    sampled,
)
from info_assistant.runbooks.diagnosis.observations import (
    Looks,
    Observations,
    Outcome,
    Sample,
    Sampled,
)
from info_assistant.runbooks.diagnosis.places import Place, Places

WHOLE_S = 12.0
"""After this time the answer is given from what is there."""

BETWEEN_LOOKS_S = 4.0
"""What a counter rises by is looked at over this time."""

_ASK_S = 2.5
_PROVIDER_ASK_S = 5.0
_SAMPLES = 4
_LOG_BYTES = 512 * 1024
_RECENT = timedelta(seconds=60)

PATHS: Mapping[str, Sequence[str]] = {
    "backend": ("/livez",),
    "frontend": ("/readyz",),
    "public": ("/health",),
    "qdrant": ("/readyz", "/collections"),
    "openai": ("",),
    "anthropic": ("",),
}
"""What is asked of each part, in turns; nothing of it costs anything."""

FAMILIES = {
    "http_requests_total", "rate_limited_total", "answers_failed_total", "answers_total",
    "cache_requests_total", "qdrant_connection_errors_total", "redis_connection_errors_total",
    "llm_errors_total", "provider_status", "breaker_state", "event_loop_lag_seconds_sum",
    "requests_refused_total", "mode_active",
}  # fmt: skip
"""The metrics that a diagnosis rests on."""

LOGGED = ("Qdrant connection error", "Redis connection failed", "OpenAI API error")
"""The events of the backend's log that name a dependency."""

COMPONENTS = ("backend", "frontend", "qdrant", "redis")
"""What pods are labelled with."""

QUERIES = {
    "backends": 'sum(up{job="backend"})',
    "qdrant": 'sum(up{job="qdrant"})',
    "redis": 'sum(up{job="redis"})',
    "requests": "sum(rate(http_requests_total[2m]))",
    "no_generation": 'sum(increase(answers_failed_total{code="generation_unavailable"}[2m]))',
}
"""What Prometheus is asked, by what it is about."""


@dataclass(slots=True)
class _Seen:
    """What looks have brought so far. Guarded by its lock; a copy is taken at the end."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    redis: dict[str, RedisAsker] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


class Looker:
    """Looks at the places of one service once."""

    def __init__(self, places: Places, *, whole_s: float = WHOLE_S) -> None:
        """Know where to look, and for how long at most."""
        self._places = places
        self._whole_s = whole_s
        self._seen = _Seen()
        self._over = threading.Event()

    def look(self) -> Observations:
        """Return all that was seen in that time; what takes longer is told as missing."""
        began = monotonic()
        threads = {
            name: threading.Thread(target=self._guarded, args=(name, task), daemon=True)
            for name, task in self._tasks().items()
        }
        for thread in threads.values():
            thread.start()
        for thread in threads.values():
            thread.join(max(0.0, began + self._whole_s - monotonic()))
        self._over.set()
        with self._seen.lock:
            unfinished = [name for name, thread in threads.items() if thread.is_alive()]
            return self._observations(unfinished, monotonic() - began)

    def _guarded(self, name: str, task: Callable[[], None]) -> None:
        """Run one look. What goes wrong with it is told, and stops no other."""
        try:
            task()
        except Exception as error:  # noqa: BLE001  The boundary: one look must not end the others.
            self._miss(name, str(error) or type(error).__name__)

    def _tasks(self) -> dict[str, Callable[[], None]]:
        places = self._places
        tasks: dict[str, Callable[[], None]] = {
            name: lambda name=name, place=place: self._sample_http(name, place)  # type: ignore[misc]
            for name, place in places.parts.items()
        }
        for number, place in enumerate(places.redis, start=1):
            name = f"redis {number}" if len(places.redis) > 1 else "redis"
            tasks[name] = lambda name=name, place=place: self._sample_redis(name, place)  # type: ignore[misc]
        tasks["health and metrics"] = self._look_twice
        tasks["the log"] = self._read_log
        tasks["the cluster"] = self._ask_cluster
        tasks["Prometheus"] = self._ask_prometheus
        return tasks

    def _miss(self, name: str, reason: str) -> None:
        with self._seen.lock:
            self._seen.missing[name] = reason

    def _put(self, name: str, value: object) -> None:
        with self._seen.lock:
            if not self._over.is_set():
                self._seen.whole[name] = value

    def _sample(self, name: str, ask: Callable[[], int], times: int = _SAMPLES) -> None:
        """Ask a few times; two silences are enough."""
        for number in range(times):
            if number:
                self._over.wait(0.9)
            found = sampled(ask)
            with self._seen.lock:
                if self._over.is_set():
                    return
                mine = self._seen.samples.setdefault(name, [])
                mine.append(found)
                silent = sum(each.outcome is Outcome.SILENT for each in mine)
            if silent > 1:
                return

    def _sample_http(self, name: str, place: Place) -> None:
        provider = name in {"openai", "anthropic"}
        limit, times = (_PROVIDER_ASK_S, 2) if provider else (_ASK_S, _SAMPLES)
        paths = cycle(PATHS[name])
        self._sample(name, lambda: fetch(place, next(paths), limit)[0], times)

    def _sample_redis(self, name: str, place: Place) -> None:
        asker = RedisAsker(place, _ASK_S)
        with self._seen.lock:
            self._seen.redis[name] = asker
        self._sample(name, asker.ping)

    def _look_twice(self) -> None:
        """Read /metrics twice, and /health behind it, so that it tells the latest."""
        backend = self._places.parts["backend"]
        began = monotonic()
        before = self._metrics(backend)
        if before is not None:
            self._over.wait(BETWEEN_LOOKS_S)
            after = self._metrics(backend)
            if after is not None:
                self._put("metrics", Looks(round(monotonic() - began, 2), before, after))
        try:
            status, health = fetch_json(backend, "/health", _ASK_S)
        except FAULTS as error:
            self._miss("/health", f"{without_secrets(backend.url)}: {outcome_of(error)}")
            return
        if isinstance(health, dict) and isinstance(health.get("dependencies"), dict):
            self._put("health", {**health, "http": status})
        else:
            self._miss(
                "/health",
                f"{without_secrets(backend.url)}: HTTP {status}, and not what /health says",
            )

    def _metrics(self, backend: Place) -> dict[str, float] | None:
        try:
            status, body = fetch(backend, "/metrics", _ASK_S)
        except FAULTS as error:
            self._miss("/metrics", f"{without_secrets(backend.url)}: {outcome_of(error)}")
            return None
        if status != 200:  # noqa: PLR2004  HTTP.
            self._miss("/metrics", f"{without_secrets(backend.url)}: HTTP {status}")
            return None
        return metrics_of(body.decode(errors="replace"), FAMILIES)

    def _read_log(self) -> None:
        if self._places.log is None:
            self._miss("the log", "no file of it is known; DATA_DIR names its folder")
            return
        with self._places.log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_BYTES))
            self._put("logs", count_logged(file.read().decode(errors="replace")))

    def _ask_cluster(self) -> None:
        if shutil.which("kubectl") is None:
            self._miss("the cluster", "kubectl is not installed")
            return
        within = ("-n", self._places.namespace, "--request-timeout=4s")
        output = _printed("kubectl", "get", "pods", *within, "-o", "json")
        self._put("pods", pods_of(output))
        lines = ("-l", "component=backend", "-c", "backend", "--since=1m", "--tail=2000")
        self._put("cluster logs", count_logged(_printed("kubectl", "logs", *lines, *within)))

    def _ask_prometheus(self) -> None:
        place = self._places.prometheus
        if place is None:
            self._miss("Prometheus", "PROMETHEUS_URL is not set")
            return
        found = {}
        for name, query in QUERIES.items():
            _, answer = fetch_json(place, f"/api/v1/query?query={quote(query)}", _ASK_S)
            with suppress(LookupError, TypeError, ValueError):
                found[name] = float(answer["data"]["result"][0]["value"][1])
            self._put("prometheus", dict(found))

    def _observations(self, unfinished: list[str], seconds: float) -> Observations:
        seen = self._seen
        asked = dict(self._places.parts)
        for number, place in enumerate(self._places.redis, start=1):
            asked[f"redis {number}" if len(self._places.redis) > 1 else "redis"] = place
        reached = {}
        for name, place in asked.items():
            samples = list(seen.samples.get(name, ()))
            if name in unfinished:
                # Whoever drips an answer for ever keeps every read alive, and answers nobody.
                samples.append(Sample(Outcome.SILENT, 0, round(seconds, 2)))
            if samples:
                asker = seen.redis.get(name)
                reached[name] = Sampled(
                    without_secrets(place.url), place.stated, place.near, tuple(samples),
                    asker.role if asker else "", asker.error if asker else "",
                )  # fmt: skip
        late = {name: "it took too long" for name in unfinished if name not in reached}
        logs = dict(seen.whole.get("logs") or {})
        for event, count in (seen.whole.get("cluster logs") or {}).items():
            logs[event] = logs.get(event, 0) + count
        return Observations(
            reached,
            seen.whole.get("health"),
            seen.whole.get("metrics"),
            logs,
            seen.whole.get("pods") or {},
            seen.whole.get("prometheus") or {},
            {**seen.missing, **late},
            round(seconds, 2),
        )


def without_secrets(url: str) -> str:
    """Return an address without name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def count_logged(text: str, now: datetime | None = None) -> dict[str, int]:
    """Return how often each event that names a dependency is in the last minute of a log."""
    since = (now or datetime.now(UTC)) - _RECENT
    counts = dict.fromkeys(LOGGED, 0)
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            if entry["event"] in counts and datetime.fromisoformat(entry["timestamp"]) >= since:
                counts[entry["event"]] += 1
        except (ValueError, KeyError, TypeError):
            continue
    return counts


def pods_of(output: str) -> dict[str, tuple[int, int]]:
    """Return how many pods of each component are ready, of how many, from `get pods -o json`."""
    counts = dict.fromkeys(COMPONENTS, (0, 0))
    for pod in json.loads(output)["items"]:
        component = pod["metadata"].get("labels", {}).get("component")
        conditions = pod.get("status", {}).get("conditions", ())
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        if component in counts:
            well, wanted = counts[component]
            counts[component] = (well + ready, wanted + 1)
    return counts


def _printed(*command: str) -> str:
    """Return what a command prints. Raises RuntimeError with its words where it fails."""
    with subprocess.Popen(  # noqa: S603  Our own words.
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise RuntimeError(f"{command[0]} did not answer within 5 s") from None
    if process.returncode:
        words = err.decode(errors="replace").strip().splitlines()
        raise RuntimeError(words[-1] if words else f"{command[0]} failed")
    return out.decode(errors="replace")
