"""What an installation is told about the cost of language models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Self

from info_assistant.environment import number_of
from info_assistant.errors import Misconfigured
from info_assistant.settings.variables import named

_RETENTION_DAYS = range(31, 36_501)
_MOST_USD = 100_000

TokenPrices = tuple[Decimal, Decimal]
"""US dollars for a million tokens: read by a model, and written by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSettings:
    """What an installation is told about the cost of language models."""

    prices: Mapping[str, TokenPrices] = field(
        metadata=named(
            "LLM_PRICES",
            "Prices that go before those we ship: `model=input/output` in US dollars for a million "
            "tokens, comma-separated; `*` names every other model. `*=0/0` for a server of one's "
            "own. Default: none.",
        )
    )
    retention_days: int = field(
        metadata=named(
            "SPEND_RETENTION_DAYS",
            "How long the ledger of model calls is kept, in days, at least 31. Default: 2555.",
        )
    )
    at_risk_usd: int = field(
        metadata=named(
            "SPEND_AT_RISK_USD",
            "What model calls of a tenant may come to, at their upper bounds, that a backend has "
            "noted on its disk and not in object storage yet; at most so much is unknown when a "
            "machine is lost with its disk. While object storage is down no model is asked beyond "
            "it. Default: 20.",
        )
    )

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read the variables that are set. Raises Misconfigured."""
        return cls(
            prices=_prices_of(given.get("LLM_PRICES", "")),
            retention_days=number_of(given, "SPEND_RETENTION_DAYS", 2555, _RETENTION_DAYS),
            at_risk_usd=number_of(given, "SPEND_AT_RISK_USD", 20, range(1, _MOST_USD)),
        )


def _prices_of(text: str) -> Mapping[str, TokenPrices]:
    found: dict[str, TokenPrices] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        # A model's name may hold any of these signs itself, so the last of each counts.
        model, _, prices = entry.rpartition("=")
        read, _, written = prices.partition("/")
        try:
            pair = (Decimal(read.strip()), Decimal(written.strip()))
        except InvalidOperation:
            pair = (Decimal("NaN"), Decimal("NaN"))
        if not model.strip() or not all(
            each.is_finite() and 0 <= each <= _MOST_USD for each in pair
        ):
            raise Misconfigured(
                f"LLM_PRICES has {entry!r}. Give model=input/output in US dollars for a million "
                "tokens, such as gpt-4o-mini=0.15/0.60, several separated by commas."
            )
        found[model.strip()] = pair
    return found
