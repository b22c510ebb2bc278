"""Traces, where a collector is named; nothing of them is imported elsewhere."""

from typing import TYPE_CHECKING

from info_assistant.errors import Misconfigured
from info_assistant.observability.steps import show_steps

if TYPE_CHECKING:
    from info_assistant.observability.trace import Tracing


def tracing_of(endpoint: str, role: str) -> "Tracing | None":
    """Return what makes this process's traces; None where no collector is named.

    Raises Misconfigured where one is named and OpenTelemetry is not installed.
    """
    if not endpoint:
        return None
    try:
        from info_assistant.observability.trace import Tracing  # noqa: PLC0415  See above.
    except ModuleNotFoundError as exc:
        raise Misconfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed, so no traces "
            "could be made. Install info-assistant[tracing], or unset it."
        ) from exc
    tracing = Tracing(f"info-assistant-{role}", endpoint)
    show_steps(tracing.step)
    return tracing
