"""What Redis makes fast and shared, put together; without Redis each process is on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from info_assistant.identity.tenants import Tenants
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import AnswerCache, RateLimiter
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.modes import Modes
from info_assistant.settings import Settings
from info_assistant.stores.redis import (
    RedisAnswers,
    RedisConnection,
    Replicas,
    SharedRateLimiter,
)
from info_assistant.wiring.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisParts(Part):
    """The limiter and how it counts now, the answer cache, and what looks after Redis.

    `off` names Redis where none is used.
    """

    limiter: RateLimiter
    limiter_kind: Callable[[], Literal["shared", "local", "off"]]
    answers: AnswerCache
    off: tuple[str, ...] = ()


def redis_parts(settings: Settings, tenants: Tenants, modes: Modes, metrics: Metrics) -> RedisParts:
    """Return what Redis is used for, or its stand-ins where there is none."""
    local = LocalRateLimiter(tenants.rates_of)
    if not settings.redis_urls:
        return RedisParts(
            limiter=local, limiter_kind=lambda: "local", answers=NoAnswerCache(), off=("redis",)
        )
    redis = RedisConnection(settings.redis_urls, on_error=metrics.redis_connection_errors.inc)
    replicas = Replicas(redis)
    limiter = SharedRateLimiter(
        redis, tenants.rates_of, local, lambda: replicas.count, enabled=modes.redis_enabled
    )
    return RedisParts(
        limiter=limiter,
        limiter_kind=lambda: "shared" if limiter.shared else "local",
        answers=RedisAnswers(redis, enabled=modes.redis_enabled),
        probes={"redis": redis},
        tasks={"redis master": redis.run, "replicas": replicas.run},
        closers=(redis.close,),
    )
