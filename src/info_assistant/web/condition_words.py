"""Words for switches, modes, dependencies and their states, as operators and readers see them."""

from info_assistant.web.languages import N_

MODES = {
    "MAINTENANCE_MODE": N_("Maintenance: the service is closed"),
    "MAINTENANCE_MESSAGE": N_("Words shown during maintenance"),
    "CACHE_ONLY_MODE": N_("Saved answers only"),
    "INGESTION_PAUSED": N_("No documents are taken in"),
    "REDIS_ENABLED": N_("No saved answers, limits for each process"),
    "LLM_PROVIDER": N_("Which language model is asked first"),
}
"""What each mode means, by its name."""

SWITCHES = {
    "MAINTENANCE_MODE=true": N_("Maintenance: close the service"),
    "CACHE_ONLY_MODE=true": N_("Give saved answers only"),
    "INGESTION_PAUSED=true": N_("Take no documents in"),
    "REDIS_ENABLED=false": N_("Do without saved answers"),
    "LLM_PROVIDER=openai": N_("Ask OpenAI first"),
    "LLM_PROVIDER=anthropic": N_("Ask Anthropic first"),
    "LLM_PROVIDER=extractive": N_("Quote the documents, ask no language model"),
}
"""What can be thrown, by the name and value of the switch."""

_DEPENDENCIES = {
    "qdrant": N_("Search"),
    "redis": N_("Saved answers"),
    "object_storage": N_("Documents"),
    "openai": N_("Language model (OpenAI)"),
    "anthropic": N_("Language model (Anthropic)"),
    "identity_provider": N_("Signing in"),
    "embedder": N_("Comparing questions with documents"),
}
_STATES = {
    "ok": N_("Working"),
    "degraded": N_("Slow or unsteady"),
    "down": N_("Not working"),
    "off": N_("Not in use"),
    "unknown": N_("Not known yet"),
}
_WHOLE = {
    "ok": N_("Everything is working"),
    "degraded": N_("The service is working, but not everything is as usual"),
    "down": N_("Questions cannot be answered at the moment"),
}
_INCIDENTS = {
    "investigating": N_("The cause is being looked for"),
    "identified": N_("The cause is known"),
    "monitoring": N_("It is mended and being watched"),
    "resolved": N_("It is over"),
}


def mode(name: str) -> str:
    """Return what a mode means; one that is not known keeps its name."""
    return MODES.get(name, name)


def dependency(name: str) -> str:
    """Return what a dependency is for; one that is not known keeps its name."""
    return _DEPENDENCIES.get(name, name)


def state(name: str) -> str:
    """Return what the state of a dependency means."""
    return _STATES.get(name, name)


def whole(name: str) -> str:
    """Return what the state of the whole means."""
    return _WHOLE.get(name, name)


def incident(status: str) -> str:
    """Return how far people are with an incident."""
    return _INCIDENTS.get(status, status)
