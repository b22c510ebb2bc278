"""What language models cost, from the table that the package `genai-prices` carries.

Nothing is downloaded: the package updates prices only where its `UpdatePrices` is started, and it
is not. A price that the installation sets itself (LLM_PRICES) goes before the table's. A model that
neither knows is priced high, and the event says `assumed`.
"""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

import genai_prices

from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ASSUMED, Cost
from info_assistant.observability.log import get_logger

EVERY_OTHER = "*"
"""Names, among the prices an installation sets, all models that are not named."""

_TABLE = f"genai-prices {genai_prices.__version__}"
_SET_HERE = "configured"
_HIGH = (Decimal(30), Decimal(180))
_MICRO = 1_000_000
_log = get_logger("prices")

TokenPrices = tuple[Decimal, Decimal]
"""US dollars for a million tokens: read by a model, and written by it."""


class TablePrices:
    """ports.PriceList from the table, and from what the installation sets itself."""

    def __init__(self, configured: Mapping[str, TokenPrices] | None = None) -> None:
        """Let the prices of `configured`, by model, go before the table's."""
        self._configured = configured or {}
        self._told: set[tuple[str, str]] = set()

    async def load(self) -> None:
        """Read the table, which takes a moment, before the first call has to be priced."""
        usage = genai_prices.Usage(input_tokens=1, output_tokens=1)
        with suppress(LookupError):
            await asyncio.to_thread(genai_prices.calc_price, usage, "", provider_id="openai")

    def cost(self, provider: str, model: str, usage: TokenUsage, at: datetime) -> Cost:
        """Return the price of a call made `at` a moment, rounded up to the micro-dollar."""
        own = self._configured.get(model) or self._configured.get(EVERY_OTHER)
        if own is not None:
            return Cost(_linear(own, usage), _SET_HERE)
        try:
            found = genai_prices.calc_price(
                genai_prices.Usage(
                    input_tokens=usage.input,
                    output_tokens=usage.output,
                    cache_read_tokens=usage.cached_input,
                ),
                model,
                provider_id=provider,
                genai_request_timestamp=at,
            )
        except (LookupError, ValueError):
            return Cost(self._assumed(provider, model, usage), ASSUMED)
        # Ten digits are more than any price has; whatever is beyond them came from a division.
        return Cost(math.ceil(round(found.total_price * _MICRO, 10)), _TABLE)

    def _assumed(self, provider: str, model: str, usage: TokenUsage) -> int:
        if (provider, model) not in self._told:
            self._told.add((provider, model))
            _log.warning(
                "Price of a model unknown and assumed high; set it in LLM_PRICES",
                provider=provider,
                model=model,
            )
        return _linear(_HIGH, usage)


def _linear(prices: TokenPrices, usage: TokenUsage) -> int:
    """Return micro-dollars; dollars for a million tokens are micro-dollars for one."""
    return math.ceil(prices[0] * usage.input + prices[1] * usage.output)
