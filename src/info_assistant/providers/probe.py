"""Whether a provider answers, asked in the background with a call that costs nothing."""

from collections.abc import Callable
from typing import Protocol

from info_assistant.errors import ProviderError
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker, BreakerState
from info_assistant.resilience.health import Circuit, ProbeTiming

TIMING = ProbeTiming(slow_s=1.5)
"""As often as what is near, so that one that hangs is known within 4 s; they are far away, so later
counts as slow."""

JUST_S = 0.25
"""How long an answer spares a probe. Were it longer, a provider that hangs would not be told of
within 5 s: this, a pause, the time-out and the page's look at /health come after one another."""

STATE_NUMBERS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
"""How the metric `breaker_state` shows each state."""


class ModelList(Protocol):
    """Something that can be asked for its models."""

    async def ask_models(self) -> None:
        """Ask. Raises ProviderError."""


class ProviderProbe:
    """Implements `ports.Probe` for one provider, and tells its breaker what it found."""

    def __init__(
        self,
        models: ModelList,
        watch: ProviderWatch,
        breaker: Breaker,
        on_state: Callable[[bool], None] = lambda _well: None,
    ) -> None:
        """Tell `on_state` after each look whether the provider answers."""
        self._models = models
        self._watch = watch
        self._breaker = breaker
        self._on_state = on_state

    async def ping(self) -> None:
        """Ask for the models, unless questions have just been answered. Raises ProviderError."""
        well = False
        try:
            if not self._just_answered():
                await self._ask()
            self._require_closed()
            well = True
        finally:
            self._on_state(well)

    def circuit(self) -> Circuit:
        """Return what is known besides."""
        return Circuit(self._breaker.state.value, self._watch.rate_limits)

    def _just_answered(self) -> bool:
        closed = self._breaker.state is BreakerState.CLOSED
        return closed and self._watch.succeeded_within(JUST_S)

    async def _ask(self) -> None:
        generation = self._breaker.generation
        well = False
        try:
            await self._models.ask_models()
            well = True
        except ProviderError as error:
            self._watch.failed(error)
            raise
        finally:
            self._breaker.probed(generation, well=well)

    def _require_closed(self) -> None:
        if self._breaker.state is BreakerState.OPEN and self._watch.last_error is not None:
            raise self._watch.last_error
