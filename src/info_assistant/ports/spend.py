"""The ledger: what model calls cost, noted before they are made."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from info_assistant.model.answer import AnswerUsage
from info_assistant.model.gap import RecordGap
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import Budget, Cost, ModelCall, SpendEvent, UsageLine


class Ledger(Protocol):
    """Keeps a spend event for each model call."""

    async def reserve(
        self, call: ModelCall, *, provider: str, model: str, most: TokenUsage
    ) -> SpendEvent:
        """Note a call with its upper bound; it survives a killed process when this returns.

        Raises RecordsUnavailable and BudgetExhausted; the call must not be made then.
        """

    async def complete(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Replace the reservation by what the provider counted; return what counts from now on."""

    async def abort(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Replace it by an estimate, for a call that did not come to its end."""


class PriceList(Protocol):
    """What models cost."""

    def cost(self, provider: str, model: str, usage: TokenUsage, at: datetime) -> Cost:
        """Return the price of a call made `at` a moment, rounded up to the micro-dollar."""


class Budgets(Protocol):
    """What tenants may spend."""

    async def admit(self, event: SpendEvent) -> None:
        """Take a reservation into account. Raises BudgetExhausted if it might not be covered."""

    def note(self, event: SpendEvent) -> None:
        """Take a line about an event into account; any order, any number of times."""

    def of(self, tenant: str) -> Budget | None:
        """Return how a tenant's budget stands; None for a tenant without one."""


class Spending(Protocol):
    """What was spent, for those who ask."""

    def of_request(self, request_id: str) -> AnswerUsage:
        """Return what the calls of a request took so far; known here for some thousand requests."""

    async def usage(self, tenant: str, first: date, last: date) -> Sequence[UsageLine]:
        """Return a tenant's sums of these days (UTC). Raises ObjectStorageUnavailable."""

    async def gaps(self, first: date, last: date) -> Sequence[RecordGap]:
        """Return of which times in these days calls may be missing.

        Raises ObjectStorageUnavailable.
        """
