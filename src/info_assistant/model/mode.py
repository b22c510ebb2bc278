"""Modes: what operators turn on and off while the service runs, and what put each in force."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


class ModeName(StrEnum):
    """The switches of the runbook, each also an environment variable of the same name."""

    LLM_PROVIDER = "LLM_PROVIDER"
    CACHE_ONLY_MODE = "CACHE_ONLY_MODE"
    REDIS_ENABLED = "REDIS_ENABLED"
    MAINTENANCE_MODE = "MAINTENANCE_MODE"
    MAINTENANCE_MESSAGE = "MAINTENANCE_MESSAGE"
    INGESTION_PAUSED = "INGESTION_PAUSED"


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode that is in force. `value` is `true`, `false`, a provider's name or a message.

    `source` says whether the environment or a runtime switch set it; actor, reason and times are
    known for switches only.
    """

    name: ModeName
    value: str
    source: Literal["environment", "switch"]
    actor: str = ""
    reason: str = ""
    since: datetime | None = None
    expires_at: datetime | None = None
