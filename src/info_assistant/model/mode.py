"""Modes: what operators turn on and off while the service runs, and what put each in force."""

from collections.abc import Mapping
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


ORDINARY: Mapping[ModeName, str] = {
    ModeName.LLM_PROVIDER: "auto",
    ModeName.CACHE_ONLY_MODE: "false",
    ModeName.REDIS_ENABLED: "true",
    ModeName.MAINTENANCE_MODE: "false",
    ModeName.MAINTENANCE_MESSAGE: "",
    ModeName.INGESTION_PAUSED: "false",
}
"""The value of each with which nothing is special; being set to it is not being set."""

CHOICES: Mapping[ModeName, tuple[str, ...]] = {
    ModeName.LLM_PROVIDER: ("auto", "openai", "anthropic", "extractive"),
    ModeName.CACHE_ONLY_MODE: ("true", "false"),
    ModeName.REDIS_ENABLED: ("true", "false"),
    ModeName.MAINTENANCE_MODE: ("true", "false"),
    ModeName.INGESTION_PAUSED: ("true", "false"),
}
"""What each may be set to; MAINTENANCE_MESSAGE may be any text."""

LONGEST_MESSAGE = 500
"""The number of characters that MAINTENANCE_MESSAGE, and the reason for a switch, may have."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode that is in force. `value` is `true`, `false`, a provider's name or a message.

    `source` says whether the environment or a runtime switch set it; the rest is known for switches
    only. `actor` is who threw it, `on_behalf_of` for whom they said they did.
    """

    name: ModeName
    value: str
    source: Literal["environment", "switch"]
    actor: str = ""
    on_behalf_of: str = ""
    reason: str = ""
    since: datetime | None = None
    expires_at: datetime | None = None
