"""Redis: what makes the product fast and shared between replicas, and what it can do without."""

from info_assistant.stores.redis.answer_events import SharedEventLog
from info_assistant.stores.redis.answers import RedisAnswers
from info_assistant.stores.redis.budgets import SharedBudgets
from info_assistant.stores.redis.connection import RedisConnection
from info_assistant.stores.redis.limiter import SharedRateLimiter
from info_assistant.stores.redis.replicas import Replicas
from info_assistant.stores.redis.totals import SpendTotals
from info_assistant.stores.redis.wake_ups import RedisWakeUps

__all__ = [
    "RedisAnswers",
    "RedisConnection",
    "RedisWakeUps",
    "Replicas",
    "SharedBudgets",
    "SharedEventLog",
    "SharedRateLimiter",
    "SpendTotals",
]
