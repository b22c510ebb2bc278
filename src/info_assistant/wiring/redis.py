"""What Redis makes fast and shared, put together; without Redis each process is on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from info_assistant.identity.tenants import Tenants
from info_assistant.ports import AnswerCache, EventLog, RateLimiter
from info_assistant.resilience.answer_events import LocalEventLog
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.health import Circuit, ProbeTiming, Watched
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.modes import Modes
from info_assistant.settings import Settings
from info_assistant.stores.redis import (
    RedisAnswers,
    RedisConnection,
    RedisWakeUps,
    Replicas,
    SharedEventLog,
    SharedRateLimiter,
)
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisParts(Part):
    """The limiter and how it counts now, answers and their events, and what looks after Redis.

    `off` names Redis where none is used; `shared` is what replicas share through it elsewhere.
    """

    limiter: RateLimiter
    limiter_kind: Callable[[], Literal["shared", "local", "off"]]
    answers: AnswerCache
    events: EventLog
    off: tuple[str, ...] = ()
    shared: "SharedRedis | None" = None


@dataclass(frozen=True, slots=True)
class SharedRedis:
    """The Redis that replicas share, who they are, and whether it may be asked now."""

    connection: RedisConnection
    replicas: Replicas
    enabled: Callable[[], bool]

    def usable(self) -> bool:
        """Whether it is switched on and answers."""
        return self.enabled() and self.connection.known


def redis_parts(
    settings: Settings,
    base: Foundation,
    tenants: Tenants,
    modes: Modes,
    writers: Callable[[], int] = lambda: 1,
) -> RedisParts:
    """Return what Redis is used for, or its stand-ins where there is none.

    `writers` is how many processes write records, which is as good a number of replicas as can be
    had before Redis was there.
    """
    local = LocalRateLimiter(tenants.rates_of)
    if not settings.redis_urls:
        return RedisParts(
            limiter=local,
            limiter_kind=lambda: "local",
            answers=NoAnswerCache(),
            events=LocalEventLog(),
            off=("redis",),
        )
    metrics = base.metrics
    redis = RedisConnection(settings.redis_urls, on_error=metrics.redis_connection_errors.inc)
    metrics.watch_breaker("redis", lambda: redis.known)
    replicas = Replicas(redis, writers)
    limiter = SharedRateLimiter(
        redis, tenants.rates_of, local, lambda: replicas.count, enabled=modes.redis_enabled
    )
    shared = SharedRedis(redis, replicas, modes.redis_enabled)
    events = SharedEventLog(redis, replicas.name, usable=shared.usable)
    wake_ups = RedisWakeUps(redis, base.wake_ups, usable=shared.usable)
    return RedisParts(
        limiter=limiter,
        limiter_kind=lambda: "shared" if limiter.shared else "local",
        answers=RedisAnswers(redis, enabled=modes.redis_enabled),
        events=events,
        shared=shared,
        probes={"redis": Watched(redis, ProbeTiming(), lambda: Circuit(redis.breaker))},
        tasks={
            "redis master": redis.run,
            "replicas": replicas.run,
            "events": events.run,
            "wake-ups": wake_ups.run,
        },
        starters=(redis.look, replicas.look),
        closers=(redis.close,),
    )
