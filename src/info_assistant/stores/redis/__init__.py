"""Redis: what makes the product fast and shared between replicas, and what it can do without."""

from info_assistant.stores.redis.answers import RedisAnswers
from info_assistant.stores.redis.connection import RedisConnection
from info_assistant.stores.redis.limiter import SharedRateLimiter
from info_assistant.stores.redis.replicas import Replicas

__all__ = ["RedisAnswers", "RedisConnection", "Replicas", "SharedRateLimiter"]
