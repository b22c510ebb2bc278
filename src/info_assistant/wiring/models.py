"""The language models that may compose answers, one behind the other."""

from collections.abc import Callable
from dataclasses import dataclass

from info_assistant.model.mode import ORDINARY, ModeName
from info_assistant.observability.log import get_logger
from info_assistant.observability.metrics import PROVIDERS, Metrics
from info_assistant.ports import Clock, TextModel
from info_assistant.providers.failover import FailoverModel, Route
from info_assistant.providers.probe import STATE_NUMBERS, TIMING, ProviderProbe
from info_assistant.providers.streamed import StreamedModel
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker
from info_assistant.resilience.health import Watched
from info_assistant.resilience.modes import Modes
from info_assistant.settings import ProviderSettings, Settings
from info_assistant.wiring.parts import Part

_log = get_logger("providers")


@dataclass(frozen=True, slots=True)
class ModelParts(Part):
    """The models as one, and what looks after them.

    `off` names the providers that are not set up.
    """

    model: FailoverModel
    extractive_fallback: bool
    off: tuple[str, ...]


def model_parts(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    modes: Modes,
    loop_lag_s: Callable[[], float] = lambda: 0.0,
    accounted: Callable[[TextModel], TextModel] = lambda model: model,
) -> ModelParts:
    """Return the models that are set up; nothing is contacted yet. Raises Misconfigured.

    `accounted` makes a model one whose calls are in the ledger.
    """
    wanted = settings.providers
    wanted.require(settings.modes.get(ModeName.LLM_PROVIDER, ORDINARY[ModeName.LLM_PROVIDER]))
    off = tuple(name for name in PROVIDERS if name not in wanted.configured)
    _tell(wanted, off)
    models = [provider_model(name, wanted, clock, metrics) for name in wanted.configured]
    breakers = {model.provider: _breaker(model, metrics) for model in models}
    routes = [Route(accounted(model), breakers[model.provider]) for model in models]
    return ModelParts(
        FailoverModel(
            routes,
            preferred=modes.llm_provider,
            fallback=wanted.fallback,
            loop_lag_s=loop_lag_s,
        ),
        wanted.extractive_fallback,
        off,
        probes={
            model.provider: _watched(model, breakers[model.provider], metrics) for model in models
        },
        closers=tuple(model.wire.close for model in models),
    )


def provider_model(
    name: str, settings: ProviderSettings, clock: Clock, metrics: Metrics
) -> StreamedModel:
    """Return a provider's model. Only what is set up is imported: each SDK costs half a second."""

    def count(kind: str) -> None:
        metrics.provider_failed(name, kind)

    if name == "openai":
        from info_assistant.providers import openai  # noqa: PLC0415  See above.

        watch = ProviderWatch(openai.LOG_EVENT, now=clock.now, on_error=count)
        wire = openai.OpenAIWire(
            settings.openai_model,
            api_key=settings.openai_api_key,
            watch=watch,
            base_url=settings.openai_base_url,
        )
        return StreamedModel(wire, watch)
    from info_assistant.providers import anthropic  # noqa: PLC0415  See above.

    watch = ProviderWatch(anthropic.LOG_EVENT, now=clock.now, on_error=count)
    return StreamedModel(
        anthropic.AnthropicWire(
            settings.anthropic_model,
            api_key=settings.anthropic_api_key or "",
            watch=watch,
            base_url=settings.anthropic_base_url,
        ),
        watch,
    )


def _breaker(model: StreamedModel, metrics: Metrics) -> Breaker:
    gauge = metrics.breaker_state.labels(model.provider)
    return Breaker(
        f"{model.provider} {model.model}",
        on_change=lambda state: gauge.set(STATE_NUMBERS[state]),
    )


def _watched(model: StreamedModel, breaker: Breaker, metrics: Metrics) -> Watched:
    gauge = metrics.provider_status.labels(model.provider)
    probe = ProviderProbe(model.wire, model.watch, breaker, on_state=gauge.set)
    return Watched(probe, TIMING, probe.circuit)


def _tell(wanted: ProviderSettings, off: tuple[str, ...]) -> None:
    """Say at the start who will answer, so that a missing key is no surprise later."""
    _log.info(
        "Providers of language models",
        asked=list(wanted.configured),
        not_set_up=[f"{name} ({name.upper()}_API_KEY is not set)" for name in off],
        without_any="answers quote the documents" if not wanted.configured else None,
    )
