"""The objects of the cluster: the names of our manifests, small enough for one machine."""

from collections.abc import Mapping

from info_assistant.drills.cluster.contents import (
    NAMESPACE,
    PORTS,
    autoscaler,
    budget,
    container,
    deployment,
    service,
    stateful_set,
)
from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.machine.plan import Plan

QDRANT_KEY = "drill"
PROVIDER_KEY = "drill"
REDIS_PODS = ("redis-0", "redis-1")
GRACE_S = 8
"""How long a pod may take to end; our manifests give it longer."""

_MOST_REPLICAS = 12
"""Where the autoscaler ends, as in our manifests."""

_RELEASE = "pubsec-info-assistant:1"
_SETTINGS: Mapping[str, str] = {
    "AUTH": "none",
    "DATA_DIR": "/data",
    "BACKEND_URL": "http://backend:8000",
    "QDRANT_URL": "http://qdrant:6333",
    "BLOB_URL": "file:///objects",
    "BACKUP_URL": "file:///backups",
    "DRAIN_DELAY_SECONDS": "1",
    "DRAIN_GRACE_SECONDS": "5",
    "LOG_LEVEL": "INFO",
}
_REDIS = ",".join(f"redis://{name}.redis-headless:{PORTS['redis']}" for name in REDIS_PODS)


def objects(plan: Plan, provider_urls: Mapping[str, str]) -> list[Document]:
    """Return what the cluster begins with; `provider_urls` are variables that lead to models."""
    settings = {**_SETTINGS, **provider_urls, **plan.settings}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _named("ConfigMap", "settings", data=settings),
        _named("Secret", "qdrant", stringData={"api-key": QDRANT_KEY}),
        _named("Secret", "providers", stringData=_keys(plan)),
        _graceful(deployment("backend", plan.backends, _backend())),
        *([_graceful(deployment("frontend", 1, _frontend()))] if plan.with_frontend else []),
        _graceful(stateful_set("qdrant", 3, _qdrant(), "Parallel")),
        _graceful(stateful_set("redis", len(REDIS_PODS), _redis(), "Parallel")),
        *[service(name, port) for name, port in PORTS.items()],
        *[budget(name) for name in PORTS],
        autoscaler(plan.backends, _MOST_REPLICAS),
    ]


def _named(kind: str, name: str, **content: object) -> Document:
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **content}


def _keys(plan: Plan) -> dict[str, str]:
    names = ("openai-api-key", "anthropic-api-key") if plan.with_models else ()
    return dict.fromkeys(names, PROVIDER_KEY)


def _graceful(item: Document) -> Document:
    item["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = GRACE_S
    return item


def _secret(variable: str, name: str, key: str) -> Document:
    reference = {"name": name, "key": key, "optional": True}
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def _product(name: str, role: str, env: list[Document]) -> Document:
    item = container(name, _RELEASE, PORTS[name], env)
    item["args"] = [role]
    item["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    return item


def _backend() -> Document:
    env = [
        # No Deployment `worker` runs here: the backends take documents in themselves.
        {"name": "INGESTION_WORKERS", "value": "1"},
        {"name": "REDIS_URL", "value": _REDIS},
        _secret("QDRANT_API_KEY", "qdrant", "api-key"),
        _secret("OPENAI_API_KEY", "providers", "openai-api-key"),
        _secret("ANTHROPIC_API_KEY", "providers", "anthropic-api-key"),
    ]
    return _product("backend", "serve", env)


def _frontend() -> Document:
    return _product("frontend", "frontend", [])


def _qdrant() -> Document:
    env = [_secret("QDRANT_API_KEY", "qdrant", "api-key")]
    return container("qdrant", "qdrant:local", PORTS["qdrant"], env)


def _redis() -> Document:
    return container("redis", "valkey:local", PORTS["redis"])
