"""What model calls cost: one event for each call, in integer micro-dollars."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from info_assistant.model.prompt import TokenUsage


class SpendState(StrEnum):
    """How far a call is accounted for.

    `reserved` before the call, with its upper bound; `completed` with what the provider counted;
    `aborted` where it did not get to the end, with an estimate that is never below its count;
    `unknown` where the process died: the upper bound stands.
    """

    RESERVED = "reserved"
    COMPLETED = "completed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """Which call this is: the `attempt`-th, from 1, for a request of a tenant."""

    tenant: str
    request_id: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class SpendEvent:
    """One model call. `micro_usd` is its cost by the price table of version `prices`."""

    id: str
    at: datetime
    call: ModelCall
    provider: str
    model: str
    state: SpendState
    usage: TokenUsage
    micro_usd: int
    prices: str
