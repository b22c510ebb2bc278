"""What model calls cost: one event for each call, in integer micro-dollars."""

from dataclasses import dataclass
from datetime import date, datetime
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


class Purpose(StrEnum):
    """What a call is for: an answer, a question that is to stand alone, or a sentence's check."""

    ANSWER = "answer"
    REWRITE = "rewrite"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """Which call this is: the `attempt`-th, from 1, for a request of a tenant, and what for.

    `purpose` is a `Purpose`, or one that a newer version knows.
    """

    tenant: str
    request_id: str
    attempt: int = 1
    purpose: str = Purpose.ANSWER


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

    @property
    def ended(self) -> bool:
        """Whether its cost will not change any more."""
        return self.state in (SpendState.COMPLETED, SpendState.ABORTED)

    @property
    def estimated(self) -> bool:
        """Whether this is an upper bound or an estimate, and not what the provider counted."""
        return self.state is not SpendState.COMPLETED or self.usage.estimated


@dataclass(frozen=True, slots=True)
class Cost:
    """Micro-dollars by the price table of version `prices`."""

    micro_usd: int
    prices: str


ASSUMED = "assumed"
"""The version of the price table for models whose price nobody knows: it is set high."""


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What a tenant's calls of one day took, for one model of one provider.

    `unknown` counts calls whose process died, at their upper bounds; `open` those under way;
    `estimated_micro_usd` is the part of the cost that nobody counted. `assumed` is whether a price
    was not known.
    """

    day: date
    provider: str
    model: str
    completed: int = 0
    aborted: int = 0
    unknown: int = 0
    open: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    micro_usd: int = 0
    estimated_micro_usd: int = 0
    assumed: bool = False


class BudgetState(StrEnum):
    """How near a tenant is to what it may spend this month."""

    WITHIN = "within"
    NOTICE = "notice"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Budget:
    """What a tenant may spend in a month (UTC), and has spent so far, in micro-dollars.

    `spent` holds calls under way at their upper bounds.
    """

    month: date
    limit: int
    spent: int
    state: BudgetState
