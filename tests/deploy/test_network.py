"""Pods reach what their settings name, and nothing else."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from scripts.manifests import Rendered, everything, render
from tests.deploy.reachability import (
    DNS,
    EDGE,
    INTERNET,
    METADATA,
    MONITORING,
    OUTSIDE,
    STRANGER,
    Reachability,
    parties,
)

_PORTS = {"http": 80, "https": 443, "redis": 6379}
PORTS = (
    *(22, 53, 80, 443, 4318, 5432, 6333, 6334, 6335, 6379, 6443),
    *(8000, 8001, 8002, 8080, 9090, 9093, 10250),
)
"""Those in use, and some that nobody needs."""

Flow = tuple[str, str, int]

AMONG_THEMSELVES: set[Flow] = {
    ("qdrant", "qdrant", 6333),
    ("qdrant", "qdrant", 6335),
    ("redis", "redis", 6379),
}
READERS: set[Flow] = {("edge", "backend", 8000), ("edge", "frontend", 8080)}
WATCHING: set[Flow] = {
    *(("prometheus", "internet", port) for port in (443, 6443, 10250)),
    ("prometheus", "alertmanager", 9093),
    ("monitoring", "prometheus", 9090),
    ("alertmanager", "internet", 443),
}
"""Kubernetes' API and the kubelets, alerts and whom they reach, dashboards from elsewhere."""

TELLING: set[Flow] = {("alertmanager", "incident", 8002), ("incident", "prometheus", 9090)}
SCRAPED = {"backend": 8000, "frontend": 8080, "worker": 8001, "qdrant": 6333, "incident": 8002}


def _named(found: Rendered) -> Iterator[Flow]:
    """Yield what the settings of containers name: services of ours, and what lies outside."""
    for workload in found.workloads():
        for container in workload.containers:
            told = found.environment(container)
            if workload.component == "frontend":
                # The page asks the backend for everything; of the shared settings this is its own.
                own = {"BACKEND_URL", "AUTH", "OTEL_EXPORTER_OTLP_ENDPOINT"}
                told = {name: value for name, value in told.items() if name in own}
            if workload.component in {"worker", "backup"}:
                told = {k: v for k, v in told.items() if k not in {"BACKEND_URL", "FRONTEND_URL"}}
            for name, value in told.items():
                yield from _flows_of(found, workload.name, name, value)


def _flows_of(found: Rendered, who: str, name: str, value: str) -> Iterator[Flow]:
    if value.startswith("s3://") or name in {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}:
        yield who, "internet", 443
    if name == "OTEL_EXPORTER_OTLP_ENDPOINT":
        yield who, "monitoring", urlsplit(value).port or 80
    if name == "AUTH" and who in {"backend", "frontend"}:
        yield who, "internet", 443
    if not re.search("_URLS?$", name) or (name == "FRONTEND_URL" and "//frontend" not in value):
        return
    if name == "BACKEND_URL" and who == "backend":
        return
    for url in value.replace("secret:redis/password", "password").split(","):
        parts = urlsplit(url)
        host = (parts.hostname or "").split(".")
        service = host[1] if len(host) > 1 and host[1].endswith("-headless") else host[0]
        if found.has("Service", service):
            component = found.one("Service", service)["spec"]["selector"]["component"]
            yield who, component, parts.port or _PORTS[parts.scheme]


@pytest.mark.parametrize("name", [*everything()])
def test_the_flows_are_those_that_settings_name(name: str) -> None:
    """What policies allow is what settings name, plus peers, readers and Prometheus; not more."""
    found = render(name)
    named = set(_named(found))
    expected = named | AMONG_THEMSELVES | READERS
    pods = {each.name for each in found.workloads()}
    expected |= {("monitoring", pod, port) for pod, port in SCRAPED.items() if pod in pods}
    if "prometheus" in pods:
        expected |= WATCHING
        expected |= {("prometheus", pod, port) for pod, port in SCRAPED.items() if pod in pods}
        expected |= TELLING if "incident" in pods else set()
    if "incident" in pods:
        expected.add(("incident", "internet", 443))  # Slack, Statuspage, paging.
    if "backup" in pods:
        expected.add(("qdrant", "internet", 443))  # /restore-backup.sh fetches a backup.
    expected |= {(pod, "dns", 53) for pod in pods}
    allowed = Reachability(found).flows([*parties(found), *OUTSIDE], PORTS)
    optional: set[Flow] = set()
    if name == "dev":
        # Without S3, workers need nothing outside; the policy is the same everywhere.
        optional = {("worker", "internet", 443)}
    assert allowed - optional == expected - optional


def test_nobody_else_comes_in() -> None:
    """Neither the internet nor a pod of another namespace reaches a pod, whatever its labels."""
    for name in everything():
        found = render(name)
        reach = Reachability(found)
        for pod in parties(found):
            for port in PORTS:
                assert not reach.allowed(INTERNET, pod, port)
                assert not reach.allowed(STRANGER, pod, port)
                assert not reach.allowed(pod, METADATA, port)
                if pod.name in {"qdrant", "redis", "worker"}:
                    assert not reach.allowed(EDGE, pod, port)


def test_databases_begin_nothing_outside() -> None:
    """In the base, Qdrant and Redis know no way out of the cluster but the DNS."""
    found = render("base")
    reach = Reachability(found)
    for pod in parties(found):
        if pod.name in {"qdrant", "redis"}:
            assert reach.allowed(pod, DNS, 53, "UDP")
            assert not any(reach.allowed(pod, INTERNET, port) for port in PORTS)
            assert not any(reach.allowed(pod, MONITORING, port) for port in PORTS)


def test_a_policy_that_is_missing_is_noticed() -> None:
    """Without the default, a pod that no other policy selects would be open."""
    found = render("base")
    kept = tuple(
        each
        for each in found.objects
        if each["kind"] != "NetworkPolicy" or each["metadata"]["name"] in {"redis", "dns"}
    )
    open_now = Reachability(Rendered("open", kept))
    backend = next(each for each in parties(found) if each.name == "backend")
    assert open_now.allowed(INTERNET, backend, 8000)
    assert not Reachability(found).allowed(INTERNET, backend, 8000)
