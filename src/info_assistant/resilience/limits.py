"""Rate limits kept in this process: the generic cell rate algorithm, one number for each caller."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from info_assistant.errors import RateLimited
from info_assistant.model.identity import Caller

_MOST_CALLERS = 10_000
# Sums of intervals are not exact; a nanosecond is no reason to refuse anybody.
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests a minute in the long run, and how many of them at once."""

    per_minute: float
    burst: int = 1


class LocalRateLimiter:
    """ports.RateLimiter for one process. An action without a rate is not limited."""

    def __init__(
        self,
        rates: Mapping[str, Rate] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the rate of each limited action; without any, every caller is admitted."""
        self._rates = dict(rates or {})
        self._monotonic = monotonic
        self._due: dict[tuple[str, str, str], float] = {}

    @property
    def kind(self) -> str:
        """What /health calls this limiter: `local`, or `off` when nothing is limited."""
        return "local" if self._rates else "off"

    async def admit(self, caller: Caller, action: str) -> None:
        """Return if the caller may go on. Raises RateLimited with the time to wait."""
        rate = self._rates.get(action)
        if rate is None:
            return
        now = self._monotonic()
        interval = 60.0 / rate.per_minute
        key = (caller.scope.tenant, caller.subject, action)
        due = max(self._due.get(key, now), now)
        wait = due - now - interval * (rate.burst - 1)
        if wait > _ROUNDING_S:
            raise RateLimited(
                "You have asked more often than the limit allows. "
                f"Please wait {max(1, round(wait))} seconds and ask again.",
                retry_after_s=wait,
            )
        self._due[key] = due + interval
        if len(self._due) > _MOST_CALLERS:
            self._forget_idle_callers(now)

    def _forget_idle_callers(self, now: float) -> None:
        """Drop callers whose allowance is full again: forgetting those changes nothing."""
        self._due = {key: due for key, due in self._due.items() if due > now}
