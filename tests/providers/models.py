"""Models on real sockets before stand-ins that misbehave, with short deadlines."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from info_assistant.drills.provider_exchange import Script
from info_assistant.drills.providers import ProviderStandIn, ProviderThread, two_sentences
from info_assistant.model.prompt import (
    Message,
    ModelEvent,
    ModelFinished,
    ModelStarted,
    Prompt,
    TextDelta,
)
from info_assistant.model.spend import ModelCall
from info_assistant.ports import TextModel
from info_assistant.providers import anthropic, openai
from info_assistant.providers.failover import Route
from info_assistant.providers.streamed import CallLimits, StreamedModel
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker, BreakerRules
from info_assistant.resilience.clock import SystemClock

PROVIDERS = ("openai", "anthropic")
PROMPT = Prompt("1", "You quote.", (Message("user", "How long does it take?"),), 50)
CALL = ModelCall("default", "request-1")
SHORT = CallLimits(
    connect_s=1.0,
    first_word_s=0.4,
    between_words_s=0.4,
    total_s=1.0,
    after_end_s=0.2,
    reserve_s=0.1,
)
PATIENT = CallLimits(after_end_s=0.2)
"""For what does not wait for a deadline, however slow the machine is."""


OnError = Callable[[str, str], None]
"""Told provider and kind of each failed call."""


@dataclass(slots=True)
class Heard:
    """What a model said, as its reader understands it."""

    started: list[str] = field(default_factory=list)
    text: str = ""
    finished: ModelFinished | None = None
    calls: list[ModelCall] = field(default_factory=list)

    def take(self, event: ModelEvent) -> None:
        """Understand one event: what came before another model's start is void."""
        if isinstance(event, ModelStarted):
            self.started.append(event.provider)
            self.text = ""
        elif isinstance(event, TextDelta):
            self.text += event.text
        else:
            self.finished = event


async def hear(model: TextModel, heard: Heard | None = None) -> Heard:
    """Let a model answer to the end."""
    heard = heard or Heard()
    async for event in model.stream(PROMPT, CALL):
        heard.take(event)
    return heard


def model_before(
    stand_in: ProviderStandIn,
    *,
    limits: CallLimits = PATIENT,
    on_error: OnError = lambda _provider, _kind: None,
) -> StreamedModel:
    """Return the model that speaks to a stand-in."""
    name = stand_in.format.name
    module = openai if name == "openai" else anthropic
    watch = ProviderWatch(module.LOG_EVENT, now=SystemClock().now, on_error=partial(on_error, name))
    if name == "openai":
        return StreamedModel(
            openai.OpenAIWire(
                "drill", api_key="drill-key", watch=watch, base_url=stand_in.url, limits=limits
            ),
            watch,
            limits,
        )
    return StreamedModel(
        anthropic.AnthropicWire(
            "drill", api_key="drill-key", watch=watch, base_url=stand_in.url, limits=limits
        ),
        watch,
        limits,
    )


@dataclass(frozen=True)
class Bench:
    """Two stand-ins, the thread that runs them, and the models that speak to them."""

    thread: ProviderThread
    stand_ins: Sequence[ProviderStandIn]
    models: Sequence[StreamedModel]

    def routes(self, rules: BreakerRules | None = None) -> Sequence[Route]:
        """Return new routes with breakers that are closed."""
        return [Route(model, Breaker(model.provider, rules)) for model in self.models]


@asynccontextmanager
async def bench(
    thread: ProviderThread,
    *providers: str,
    limits: CallLimits | Sequence[CallLimits] = PATIENT,
    script: Script = two_sentences,
    on_error: OnError = lambda _provider, _kind: None,
) -> AsyncIterator[Bench]:
    """Run new stand-ins for these providers, in this order; `limits` are the first ones'."""
    stand_ins = [ProviderStandIn(each, script=script) for each in providers]
    for each in stand_ins:
        thread.add(each)
    own = [limits] if isinstance(limits, CallLimits) else limits
    patience = [*own, *[PATIENT] * len(stand_ins)]
    models = [
        model_before(each, limits=its, on_error=on_error)
        for each, its in zip(stand_ins, patience, strict=False)
    ]
    try:
        yield Bench(thread, stand_ins, models)
    finally:
        for model in models:
            await model.wire.close()
        for each in stand_ins:
            thread.hang_up(each)
