"""A process that buys answers until it is killed: real SDKs, failover, the ledger, and no backend.

It runs in a process of its own (`multiprocessing`), which somebody kills.
"""

import asyncio
import io
import random
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

from info_assistant.errors import InfoAssistantError
from info_assistant.model.prompt import Message, Prompt
from info_assistant.model.spend import ModelCall
from info_assistant.observability.log import configure_logging
from info_assistant.ports import TextModel
from info_assistant.providers.accounted import AccountedModel
from info_assistant.providers.anthropic import LOG_EVENT as ANTHROPIC_EVENT
from info_assistant.providers.anthropic import AnthropicWire
from info_assistant.providers.failover import FailoverModel, Route
from info_assistant.providers.openai import LOG_EVENT as OPENAI_EVENT
from info_assistant.providers.openai import OpenAIWire
from info_assistant.providers.prices import TablePrices
from info_assistant.providers.streamed import CallLimits, StreamedModel
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker, BreakerRules
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import KIND, RecordedLedger, ended_by_death
from info_assistant.stores.record_log import RecordLog

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
TENANT = "default"
WORKERS = 6
BYTES_A_TOKEN = 4
"""How the stand-ins count."""

MOST_TOKENS = 200
_FIRST = 100
_LIMITS = CallLimits(
    connect_s=1.0,
    first_word_s=0.4,
    between_words_s=0.4,
    total_s=1.0,
    after_end_s=0.2,
    reserve_s=0.1,
)
_NEVER_OPEN = BreakerRules(failures_in_row=10**9, least_calls=10**9)


@dataclass(frozen=True, slots=True)
class Errand:
    """Where to keep the ledger, whom to ask, and which of the numbered questions."""

    folder: Path
    urls: dict[str, str]
    first: int
    count: int


def log_in(folder: Path) -> RecordLog:
    """Return the log of a process on this machine."""
    blobs = ObjectBlobs(str(folder / "objects"))
    return RecordLog(blobs, folder / "journals", endings={KIND: ended_by_death})


def prompt_of(number: int) -> Prompt:
    """Return a question whose length, as the stand-ins count, says its number."""
    system = "You quote."
    text = "x" * (BYTES_A_TOKEN * (number + _FIRST) - len(system) - 1)
    return Prompt("1", system, (Message("user", text),), MOST_TOKENS)


def number_of(tokens: int) -> int:
    """Return the number of the question that has so many tokens."""
    return tokens - _FIRST


def run(errand: Errand) -> None:
    """Ask each question once, some of them only partly; then wait for the end."""
    configure_logging("ERROR", io.StringIO())  # Each fault of a provider is a line.
    asyncio.run(_spend(errand))


async def _spend(errand: Errand) -> None:
    log = log_in(errand.folder)
    ledger = RecordedLedger(log, TablePrices(), NoBudgets())
    model = _models(errand, lambda each: AccountedModel(each, ledger))
    left = list(range(errand.first, errand.first + errand.count))
    async with asyncio.TaskGroup() as group:
        group.create_task(log.run())
        group.create_task(ledger.run())
        for _ in range(WORKERS):
            group.create_task(_ask(model, left))


async def _ask(model: TextModel, left: list[int]) -> None:
    while left:
        number = left.pop(0)
        with suppress(InfoAssistantError, TimeoutError):
            await _one(model, number)


async def _one(model: TextModel, number: int) -> None:
    """Ask, and leave now and then: after some events, or by being cancelled at some moment."""
    call = ModelCall(TENANT, f"question-{number}")
    luck = random.random()  # noqa: S311  When is random.
    leave_after = random.randint(1, 12) if luck < 0.2 else 10**9  # noqa: S311, PLR2004  The same.
    patience_s = random.uniform(0.0, 0.3) if luck > 0.8 else 30.0  # noqa: S311, PLR2004  The same.
    async with (
        asyncio.timeout(patience_s),
        aclosing(model.stream(prompt_of(number), call)) as events,
    ):
        heard = 0
        async for _ in events:
            heard += 1
            if heard == leave_after:
                return


def _models(errand: Errand, accounted: Callable[[TextModel], TextModel]) -> FailoverModel:
    now = SystemClock().now
    routes = []
    for name, url in errand.urls.items():
        watch = ProviderWatch(OPENAI_EVENT if name == "openai" else ANTHROPIC_EVENT, now=now)
        wire_of = OpenAIWire if name == "openai" else AnthropicWire
        wire = wire_of(MODELS[name], api_key="drill", watch=watch, base_url=url, limits=_LIMITS)
        model = accounted(StreamedModel(wire, watch, _LIMITS))
        routes.append(Route(model, Breaker(name, rules=_NEVER_OPEN)))
    return FailoverModel(routes)
