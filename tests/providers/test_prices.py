"""Prices: from the table we ship, or set by the installation; never too low, never guessed low."""

import math
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ASSUMED
from info_assistant.providers.prices import TablePrices

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
TOKENS = st.integers(0, 400_000)
MODELS = [
    (provider.id, model.id)
    for provider in providers
    if provider.id in ("openai", "anthropic")
    for model in provider.models
]


def by_the_table(provider: str, model: str, usage: TokenUsage) -> int | None:
    """Return micro-dollars as the package itself calculates them; None where it knows none."""
    counted = genai_prices.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached_input,
    )
    with suppress(LookupError, ValueError):
        found = genai_prices.calc_price(
            counted, model, provider_id=provider, genai_request_timestamp=AT
        )
        return math.ceil(round(found.total_price * 1_000_000, 10))
    return None


@pytest.mark.parametrize(
    ("provider", "model", "usage", "micro_usd"),
    [
        ("openai", "gpt-4o-mini", TokenUsage(1000, 100), 210),
        ("openai", "gpt-4o-mini", TokenUsage(1000, 100, 1000), 135),
        ("openai", "gpt-4o-mini-2024-07-18", TokenUsage(1, 0), 1),
        ("anthropic", "claude-sonnet-4-5", TokenUsage(1000, 100), 4500),
        ("anthropic", "claude-sonnet-4-5", TokenUsage(300_000, 100), 1_802_250),
        ("openai", "gpt-4o-mini", TokenUsage(0, 0), 0),
    ],
)
def test_known_models_cost_what_the_table_says(
    provider: str, model: str, usage: TokenUsage, micro_usd: int
) -> None:
    """To the micro-dollar and rounded up; read from a cache is cheaper, long prompts are dearer."""
    cost = TablePrices().cost(provider, model, usage, AT)
    assert cost.micro_usd == micro_usd
    assert cost.prices.startswith("genai-prices ")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "somebody"])
def test_an_unknown_model_is_priced_high_and_flagged(provider: str) -> None:
    """Nobody knows its price, so it is assumed to be dear, and the event says so."""
    prices = TablePrices()
    cost = prices.cost(provider, "unheard-of", TokenUsage(1_000_000, 1_000_000), AT)
    assert (cost.micro_usd, cost.prices) == (210_000_000, ASSUMED)


def test_one_senseless_count_does_not_make_a_model_unknown() -> None:
    """More tokens from a cache than were read at all: that call is priced high, the next is not."""
    prices = TablePrices()
    senseless = prices.cost("openai", "gpt-4o-mini", TokenUsage(1, 0, 2), AT)
    assert (senseless.micro_usd, senseless.prices) == (30, ASSUMED)
    assert prices.cost("openai", "gpt-4o-mini", TokenUsage(1000, 100), AT).micro_usd == 210


def test_prices_of_the_installation_go_first() -> None:
    """A price set for a model beats the table's, `*` all others; a server of one's own is free."""
    own = TablePrices({"gpt-4o-mini": (Decimal("0.1"), Decimal(1)), "*": (Decimal(0), Decimal(0))})
    assert own.cost("openai", "gpt-4o-mini", TokenUsage(11, 0), AT).micro_usd == 2
    free = own.cost("openai", "qwen", TokenUsage(1000, 1000), AT)
    assert (free.micro_usd, free.prices) == (0, "configured")


@given(st.sampled_from(MODELS), TOKENS, TOKENS, TOKENS, TOKENS, st.integers(0, 100))
def test_more_tokens_never_cost_less(
    which: tuple[str, str], read: int, more: int, written: int, longer: int, cached: int
) -> None:
    """So the price of an upper bound is an upper bound of the price, for every model we know of."""
    prices = TablePrices()
    usage = TokenUsage(read, written, read * cached // 100)
    bound = TokenUsage(read + more, written + longer)
    cost = prices.cost(*which, usage, AT)
    assert 0 <= cost.micro_usd <= prices.cost(*which, bound, AT).micro_usd
    assert math.isfinite(cost.micro_usd)


@given(
    st.sampled_from(MODELS), st.lists(st.tuples(TOKENS, TOKENS, st.integers(0, 100)), min_size=2)
)
def test_each_call_costs_what_the_table_itself_says(
    which: tuple[str, str], calls: list[tuple[int, int, int]]
) -> None:
    """Also the second call, which is priced from what is remembered of the first."""
    prices = TablePrices()
    for read, written, share in calls:
        usage = TokenUsage(read, written, read * share // 100)
        cost = prices.cost(*which, usage, AT)
        expected = by_the_table(*which, usage)
        assert (cost.prices == ASSUMED) == (expected is None)
        assert expected in (None, cost.micro_usd)


def test_a_price_that_changes_with_time_is_that_of_the_moment() -> None:
    """What is remembered of a model is not used for a call in another period."""
    prices, usage = TablePrices(), TokenUsage(300_000, 1000)
    may, january = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    costs = [
        prices.cost("anthropic", "claude-sonnet-4-6", usage, at).micro_usd
        for at in (may, january, may)
    ]
    # Long prompts were dearer until March.
    assert costs == [915_000, 1_822_500, 915_000]


def test_nothing_is_downloaded() -> None:
    """Pricing a call opens no connection and starts no thread that might."""
    program = (
        "import socket, threading\n"
        "def refuse(*a, **k): raise SystemExit('a connection was opened')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from datetime import UTC, datetime\n"
        "from info_assistant.model.prompt import TokenUsage\n"
        "from info_assistant.providers.prices import TablePrices\n"
        "prices = TablePrices()\n"
        "print(prices.cost('openai', 'gpt-4o-mini', TokenUsage(1000, 0), datetime.now(UTC)))\n"
        "print(prices.cost('openai', 'no-such-model', TokenUsage(1000, 0), datetime.now(UTC)))\n"
        "assert threading.active_count() == 1\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)  # noqa: PLW1510  The code is asserted.
    assert done.returncode == 0, done.stderr
    assert "micro_usd=150" in done.stdout


async def test_the_table_is_read_before_it_is_needed() -> None:
    """Loading it raises nothing."""
    await TablePrices().load()
