"""What `doctor` finds out about providers of language models, by calls that cost nothing."""

from collections.abc import Sequence

from info_assistant.cli.checks import Finding, Health
from info_assistant.errors import ProviderError, ProviderFault
from info_assistant.observability.metrics import PROVIDERS, Metrics
from info_assistant.resilience.clock import SystemClock
from info_assistant.settings import Settings

_LABELS = {"openai": "OpenAI", "anthropic": "Anthropic"}
_PASSING = frozenset({ProviderFault.RATE_LIMITED, ProviderFault.OVERLOADED, ProviderFault.TIMEOUT})


async def check_providers(settings: Settings) -> Sequence[Finding]:
    """Whether each key is valid, over quota or rate-limited, asked with a list of models."""
    configured = settings.providers.configured
    found = [
        await _check(name, settings) if name in configured else _not_set_up(name)
        for name in PROVIDERS
    ]
    if not configured:
        words = "no provider is set up, so answers quote the documents word for word"
        found.append(Finding("Answers", Health.GOOD, words))
    return found


def _not_set_up(name: str) -> Finding:
    words = f"{name.upper()}_API_KEY is not set, so it is not asked"
    return Finding(_LABELS[name], Health.GOOD, words)


async def _check(name: str, settings: Settings) -> Finding:
    from info_assistant.wiring.models import provider_model  # noqa: PLC0415  Slow to import.

    model = provider_model(name, settings.providers, SystemClock(), Metrics())
    try:
        await model.wire.ask_models()
    except ProviderError as error:
        health = Health.WARNING if error.kind in _PASSING else Health.WRONG
        return Finding(_LABELS[name], health, error.message, _remedy(name, error))
    finally:
        await model.wire.close()
    limits = ", ".join(f"{key} {value}" for key, value in model.watch.rate_limits.items())
    words = f"the key is valid; {model.model} is asked{f' ({limits})' if limits else ''}"
    return Finding(_LABELS[name], Health.GOOD, words)


def _remedy(name: str, error: ProviderError) -> str:
    key = f"{name.upper()}_API_KEY"
    if error.kind is ProviderFault.QUOTA:
        return f"The key is valid, but its account is over quota or not paid: see {name}'s console."
    if error.kind is ProviderFault.RATE_LIMITED:
        return "The key is valid, but rate-limited now: wait, or ask the provider for a higher one."
    if error.detail.lasting:
        return f"Check {key}: copy the key again from the provider's console, or make a new one."
    if error.kind in _PASSING:
        return "Nothing is wrong here: look at the provider's status page, and try again."
    return f"Check the way from here to the provider (proxy, firewall) and {name.upper()}_BASE_URL."
