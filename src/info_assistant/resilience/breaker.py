"""A circuit breaker that cancellation cannot wedge (docs/decisions/0016).

Closed, it lets calls through, up to a number at once. It opens when calls keep failing, for a time
that doubles with each opening in a row and is drawn at random, so that replicas do not come back
together. Nobody's question is used to find out whether the dependency is back: the health task
asks it for something that costs nothing and reports here. Then calls are let through again in
growing numbers. Each call holds a permit that it gives back whatever happens, and that expires by
itself if it does not.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

from info_assistant.observability.log import get_logger

RAMP = (0.01, 0.05, 0.25)
"""The shares of all permits that are given while recovering, before it is closed again."""

_log = get_logger("breaker")


class BreakerState(StrEnum):
    """Whether calls are let through: all, some on trial, or none."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Outcome(StrEnum):
    """How a call ended. `ignored` says nothing of the dependency; `lasting`: waiting is in vain."""

    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"
    LASTING = "lasting"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When to open, for how long, and how many calls to let through at once. Times in seconds.

    It opens after `failures_in_row`, or when `failing_share` of at least `least_calls` in the last
    `window_s` failed. `lease_s` is how long a permit is good for; longer than any call takes.
    `unprobed_s` is how long it waits for a probe that is due before it tries a call instead.
    """

    window_s: float = 10.0
    failures_in_row: int = 5
    least_calls: int = 20
    failing_share: float = 0.5
    first_open_s: float = 1.0
    longest_open_s: float = 30.0
    permits: int = 100
    lease_s: float = 90.0
    unprobed_s: float = 30.0


class Permit:
    """The right to one call. Leaving the context gives it back, as `ignored` unless settled."""

    __slots__ = ("_breaker", "expires", "generation")

    def __init__(self, breaker: "Breaker", generation: int, expires: float) -> None:
        """Belong to one generation of the breaker."""
        self._breaker: Breaker | None = breaker
        self.generation = generation
        self.expires = expires

    def settle(self, outcome: Outcome) -> None:
        """Say how the call ended, and give the permit back; the first word counts."""
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker.returned(self, outcome)

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        self.settle(Outcome.IGNORED)


class Breaker:
    """The breaker before one dependency. Not for several threads; nothing in it waits."""

    def __init__(
        self,
        dependency: str,
        rules: BreakerRules | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        on_change: Callable[[BreakerState], None] = lambda _state: None,
    ) -> None:
        """Guard `dependency`, closed. `draw` gives 0 to 1; `on_change` hears states."""
        self.dependency = dependency
        self.rules = rules or BreakerRules()
        self.generation = 0
        """Rises when it opens and when a recovery begins; what older calls say is not heard."""
        self._clock = clock
        self._draw = draw
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._held: set[Permit] = set()
        self._recent: deque[tuple[float, bool]] = deque(maxlen=1000)
        self._in_row = 0
        self._openings = 0
        self._open_until = 0.0
        self._resting_until = 0.0
        self._stage = 0
        self._stage_successes = 0

    @property
    def state(self) -> BreakerState:
        """Whether calls are let through."""
        return self._state

    @property
    def held(self) -> int:
        """How many permits are out."""
        return len(self._held)

    @property
    def limit(self) -> int:
        """How many permits may be out at once now."""
        if self._state is BreakerState.OPEN:
            return 0
        if self._state is BreakerState.CLOSED:
            return self.rules.permits
        return max(1, int(self.rules.permits * RAMP[self._stage]))

    @property
    def admitting(self) -> bool:
        """Whether a call would be let through now."""
        now = self._clock()
        self._expire(now)
        overdue = now >= self._open_until + self.rules.unprobed_s
        if self._state is BreakerState.OPEN and overdue:
            self._begin_recovery()
        if now < self._resting_until or len(self._held) >= self.rules.permits:
            return False
        # What was let through before it opened may hang; it must not hold up the recovery.
        mine = sum(permit.generation == self.generation for permit in self._held)
        return mine < self.limit

    @property
    def probe_due(self) -> bool:
        """Whether it is time to ask the dependency whether it is back."""
        return self._state is BreakerState.OPEN and self._clock() >= self._open_until

    def admit(self) -> Permit | None:
        """Return the right to one call, or None; use it as a context."""
        if not self.admitting:
            return None
        permit = Permit(self, self.generation, self._clock() + self.rules.lease_s)
        self._held.add(permit)
        return permit

    def rest(self, seconds: float) -> None:
        """Let no call through for a while, because the dependency asked for that."""
        self._resting_until = self._clock() + min(seconds, self.rules.longest_open_s)

    def probed(self, generation: int, *, well: bool) -> None:
        """Hear what a probe found that began in `generation`, once it was due."""
        if generation != self.generation or not self.probe_due:
            return
        if well:
            self._begin_recovery()
        else:
            self._open()

    def returned(self, permit: Permit, outcome: Outcome) -> None:
        """Take a permit back; only Permit calls this."""
        self._expire(self._clock())
        if permit not in self._held:
            return
        self._held.discard(permit)
        # An outcome from before the last change says nothing about now.
        if permit.generation == self.generation:
            self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        if outcome is Outcome.IGNORED:
            return
        if outcome is Outcome.LASTING:
            self._openings = self.rules.longest_open_s.__ceil__()
            self._open()
            return
        failed = outcome is Outcome.FAILURE
        self._in_row = self._in_row + 1 if failed else 0
        self._recent.append((self._clock(), failed))
        if self._state is BreakerState.HALF_OPEN:
            self._note_on_trial(failed=failed)
        elif failed and self._failing():
            self._open()

    def _note_on_trial(self, *, failed: bool) -> None:
        if failed:
            self._open()
            return
        self._stage_successes += 1
        if self._stage_successes < self.limit:
            return
        self._stage, self._stage_successes = self._stage + 1, 0
        if self._stage == len(RAMP):
            self._openings = 0
            self._change(BreakerState.CLOSED)

    def _failing(self) -> bool:
        rules, oldest = self.rules, self._clock() - self.rules.window_s
        while self._recent and self._recent[0][0] < oldest:
            self._recent.popleft()
        if self._in_row >= rules.failures_in_row:
            return True
        failures = sum(failed for _, failed in self._recent)
        many = len(self._recent) >= rules.least_calls
        return many and failures >= rules.failing_share * len(self._recent)

    def _open(self) -> None:
        span = min(
            self.rules.longest_open_s, self.rules.first_open_s * 2.0 ** min(self._openings, 16)
        )
        self._openings += 1
        # Full jitter, but never so short that it would be no pause at all.
        self._open_until = self._clock() + max(self.rules.first_open_s / 10, span * self._draw())
        self.generation += 1
        self._change(BreakerState.OPEN)

    def _begin_recovery(self) -> None:
        self.generation += 1
        self._stage = self._stage_successes = 0
        self._change(BreakerState.HALF_OPEN)

    def _change(self, state: BreakerState) -> None:
        self._recent.clear()
        self._in_row = 0
        before, self._state = self._state, state
        if before is not state:
            # One line for each change, none for each call that is turned away.
            _log.warning(
                "Breaker changed state",
                dependency=self.dependency,
                state=state.value,
                before=before.value,
            )
            self._on_change(state)

    def _expire(self, now: float) -> None:
        expired = [permit for permit in self._held if permit.expires <= now]
        self._held.difference_update(expired)
