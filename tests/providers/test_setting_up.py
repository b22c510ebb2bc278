"""How providers are set up: by keys and addresses, said at the start, asked in the order wished."""

import pytest
from tests.providers.models import CALL, PROMPT

from info_assistant.drills.providers import ProviderStandIn, ProviderThread
from info_assistant.errors import Misconfigured
from info_assistant.model.prompt import ModelStarted
from info_assistant.observability.metrics import Metrics
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import Watched
from info_assistant.resilience.modes import Modes
from info_assistant.settings import Settings
from info_assistant.wiring.models import ModelParts, model_parts


def parts_for(**variables: str) -> ModelParts:
    """Return what an environment sets up."""
    settings = Settings.from_environment(variables)
    return model_parts(settings, SystemClock(), Metrics(), Modes(settings.modes))


def test_without_a_key_nobody_is_asked_and_the_start_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both are off, quotes answer, and the log names the missing variables."""
    parts = parts_for()
    assert parts.off == ("openai", "anthropic")
    assert not parts.model.configured
    assert not parts.model.in_use()
    logged = capsys.readouterr()
    assert "OPENAI_API_KEY is not set" in logged.out + logged.err


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_provider_that_is_asked_for_and_has_no_key_stops_the_start(provider: str) -> None:
    """The message names both variables, and what to do."""
    with pytest.raises(Misconfigured) as caught:
        parts_for(LLM_PROVIDER=provider)
    assert f"{provider.upper()}_API_KEY is not set" in caught.value.message
    assert "LLM_PROVIDER" in caught.value.message


def test_a_key_that_no_key_can_be_is_refused_without_repeating_it() -> None:
    """A line break inside a key is found at the start, not in a failed call."""
    with pytest.raises(Misconfigured) as caught:
        parts_for(OPENAI_API_KEY="sk-one two")
    assert "sk-one" not in caught.value.message
    assert "sk-one" not in repr(Settings.from_environment({"OPENAI_API_KEY": "sk-one"}))


async def test_servers_of_one_s_own_are_asked_without_a_key(providers: ProviderThread) -> None:
    """OPENAI_BASE_URL is enough; LLM_PROVIDER, LLM_FALLBACK and the models are honoured."""
    openai, anthropic = ProviderStandIn("openai"), ProviderStandIn("anthropic", api_key="right")
    for each in (openai, anthropic):
        providers.add(each)
    parts = parts_for(
        OPENAI_BASE_URL=openai.url,
        OPENAI_MODEL="house-model",
        ANTHROPIC_API_KEY="right",
        ANTHROPIC_BASE_URL=anthropic.url,
        LLM_PROVIDER="anthropic",
        EXTRACTIVE_FALLBACK="true",
    )
    try:
        assert (parts.off, parts.extractive_fallback) == ((), True)
        events = [event async for event in parts.model.stream(PROMPT, CALL)]
        assert events[0] == ModelStarted("anthropic", "claude-haiku-4-5")
        providers.hang_up(anthropic)
        events = [event async for event in parts.model.stream(PROMPT, CALL)]
        assert events[0] == ModelStarted("openai", "house-model")
        for name in ("openai", "anthropic"):
            watched = parts.probes[name]
            assert isinstance(watched, Watched)
            assert watched.circuit().breaker == "closed"
    finally:
        for close in parts.closers:
            await close()
        providers.hang_up(openai)
