"""What Redis makes fast and shared, put together; without Redis each process is on its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from info_assistant.identity.tenants import Tenants
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import Probe, RateLimiter
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.modes import Modes
from info_assistant.settings import Settings
from info_assistant.stores.redis import RedisConnection, Replicas, SharedRateLimiter


@dataclass(frozen=True, slots=True)
class RedisParts:
    """The limiter and how it counts now, and what looks after Redis."""

    limiter: RateLimiter
    limiter_kind: Callable[[], Literal["shared", "local", "off"]]
    probes: Mapping[str, Probe] = field(default_factory=dict)
    off: Sequence[str] = ()
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    closers: tuple[Callable[[], Awaitable[None]], ...] = ()


def redis_parts(settings: Settings, tenants: Tenants, modes: Modes, metrics: Metrics) -> RedisParts:
    """Return what Redis is used for, or its stand-ins where there is none."""
    local = LocalRateLimiter(tenants.rates_of)
    if not settings.redis_urls:
        return RedisParts(local, lambda: "local", off=("redis",))
    redis = RedisConnection(settings.redis_urls, on_error=metrics.redis_connection_errors.inc)
    replicas = Replicas(redis)
    limiter = SharedRateLimiter(
        redis, tenants.rates_of, local, lambda: replicas.count, enabled=modes.redis_enabled
    )
    return RedisParts(
        limiter,
        lambda: "shared" if limiter.shared else "local",
        probes={"redis": redis},
        tasks={"redis master": redis.run, "replicas": replicas.run},
        closers=(redis.close,),
    )
