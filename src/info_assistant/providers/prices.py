"""What language models cost, from the table that the package `genai-prices` carries.

Nothing is downloaded: the package updates prices only where its `UpdatePrices` is started, and it
is not. A price that the installation sets itself (LLM_PRICES) goes before the table's. A model that
neither knows is priced high, and the event says `assumed`.
"""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import genai_prices
from genai_prices.types import ModelInfo, ModelPrice, PriceCalculation, TieredPrices

from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ASSUMED, Cost
from info_assistant.observability.log import get_logger

EVERY_OTHER = "*"
"""Names, among the prices an installation sets, all models that are not named."""

_TABLE = f"genai-prices {genai_prices.__version__}"
_SET_HERE = "configured"
_MICRO = 1_000_000
_log = get_logger("prices")

TokenPrices = tuple[Decimal, Decimal]
"""US dollars for a million tokens: read by a model, and written by it."""


@dataclass(frozen=True, slots=True)
class _Rates:
    """Micro-dollars for a token (dollars for a million), in calls that read fewer than `below`."""

    read: Decimal
    cached: Decimal
    written: Decimal
    below: float = math.inf

    @classmethod
    def of(cls, prices: TokenPrices) -> "_Rates":
        """Return the rates where reading from a cache is no cheaper."""
        return cls(prices[0], prices[0], prices[1])

    def covers(self, usage: TokenUsage) -> bool:
        """Whether these are the rates for such a call."""
        return 0 <= usage.cached_input <= usage.input < self.below and usage.output >= 0

    def micro_usd(self, usage: TokenUsage) -> int:
        """Return the cost of a call, rounded up."""
        read = self.read * (usage.input - usage.cached_input) + self.cached * usage.cached_input
        return math.ceil(read + self.written * usage.output)


@dataclass(frozen=True, slots=True)
class _Known:
    """A model in the table, and its rates by the price of the moment when they were taken."""

    model: ModelInfo
    price: ModelPrice
    rates: _Rates | None


_HIGH = _Rates.of((Decimal(30), Decimal(180)))


class TablePrices:
    """ports.PriceList from the table, and from what the installation sets itself."""

    def __init__(self, configured: Mapping[str, TokenPrices] | None = None) -> None:
        """Let the prices of `configured`, by model, go before the table's."""
        given = configured or {}
        self._configured = {model: _Rates.of(prices) for model, prices in given.items()}
        self._known: dict[tuple[str, str], _Known] = {}
        self._unknown: set[tuple[str, str]] = set()

    async def load(self) -> None:
        """Read the table, which takes a moment, before the first call has to be priced."""
        usage = genai_prices.Usage(input_tokens=1, output_tokens=1)
        with suppress(LookupError):
            await asyncio.to_thread(genai_prices.calc_price, usage, "", provider_id="openai")

    def cost(self, provider: str, model: str, usage: TokenUsage, at: datetime) -> Cost:
        """Return the price of a call made `at` a moment, rounded up to the micro-dollar."""
        own = self._configured.get(model) or self._configured.get(EVERY_OTHER)
        if own is not None:
            return Cost(own.micro_usd(usage), _SET_HERE)
        if (provider, model) in self._unknown:
            return Cost(_HIGH.micro_usd(usage), ASSUMED)
        known = self._known.get((provider, model))
        current = known is not None and known.model.get_prices(at) is known.price
        if known is not None and current and known.rates and known.rates.covers(usage):
            # The table's own way takes longer than to keep the call in the ledger.
            return Cost(known.rates.micro_usd(usage), _TABLE)
        try:
            found = _priced(provider, model, usage, at)
            if not current:
                rates = _rates(provider, model, at, found.model_price)
                self._known[provider, model] = _Known(found.model, found.model_price, rates)
        except LookupError:
            self._tell_unknown(provider, model)
            return Cost(_HIGH.micro_usd(usage), ASSUMED)
        except ValueError:
            # These counts make no sense together, whoever counted them.
            return Cost(_HIGH.micro_usd(usage), ASSUMED)
        return Cost(math.ceil(_exact(found)), _TABLE)

    def _tell_unknown(self, provider: str, model: str) -> None:
        self._unknown.add((provider, model))
        _log.warning(
            "Price of a model unknown and assumed high; set it in LLM_PRICES",
            provider=provider,
            model=model,
        )


def _priced(provider: str, model: str, usage: TokenUsage, at: datetime) -> PriceCalculation:
    """Return a call's price as the table's own way has it. Raises LookupError, ValueError."""
    return genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached_input,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=at,
    )


def _exact(found: PriceCalculation) -> Decimal:
    """Return micro-dollars; ten digits are more than any price has, others are of a division."""
    return round(found.total_price * _MICRO, 10)


def _rates(provider: str, model: str, at: datetime, price: ModelPrice) -> _Rates | None:
    """Return what single tokens cost, None where a call costs something besides its tokens."""
    single = (TokenUsage(0, 0), TokenUsage(1, 0), TokenUsage(1, 0, 1), TokenUsage(0, 1))
    try:
        call, read, cached, written = (
            _exact(_priced(provider, model, usage, at)) for usage in single
        )
    except ValueError:
        return None
    if call:
        return None
    tiers = [
        tier.start
        for each in vars(price).values()
        if isinstance(each, TieredPrices)
        for tier in each.tiers
    ]
    return _Rates(read, cached, written, min(tiers, default=math.inf))
