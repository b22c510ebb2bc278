"""The ledger: what model calls cost, noted before they are made."""

from typing import Protocol

from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ModelCall, SpendEvent


class Ledger(Protocol):
    """Keeps a spend event for each model call. Methods raise RecordsUnavailable."""

    async def reserve(
        self, call: ModelCall, *, provider: str, model: str, most: TokenUsage
    ) -> SpendEvent:
        """Note a call with its upper bound; it survives a killed process when this returns."""

    async def complete(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Replace the reservation by what the provider counted; return what is kept now."""

    async def abort(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Replace it by an estimate, for a call that did not come to its end."""
