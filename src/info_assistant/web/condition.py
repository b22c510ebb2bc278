"""How the service is, for everybody who looks: what is closed, what is down, what is told of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from info_assistant.errors import InfoAssistantError
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.banners import UNREACHABLE, Banner, banners_of
from info_assistant.web.replies import Health, ProblemDetails
from info_assistant.web.visits import NOBODY, Visit

LOOK_S = 1.5
"""How often the backend is asked while nobody visits."""

_FRESH_S = 1.0
_PATIENCE_S = 0.5
_PATIENCE_BETWEEN_S = 2.0
_RETRY_S, _LONGEST_RETRY_S = 60.0, 3600.0


class ConditionWatch:
    """Asks the backend's /health: all the time, and for the first page once a second at most.

    While the backend does not answer, what it said last counts for maintenance: a service that was
    closed a moment ago is being worked on.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask `backend`."""
        self._backend = backend
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known = Health()
        self._answers = True
        self._asked_at = -_FRESH_S

    @property
    def health(self) -> Health | None:
        """What the backend said last; None while it does not answer."""
        return self._known if self._answers else None

    @property
    def banners(self) -> Sequence[Banner]:
        """What every page says of it, the most important first."""
        return banners_of(self._known) if self._answers else (UNREACHABLE,)

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            # Beside those who visit: they need not wait for this as long as nobody does.
            await self._ask(NOBODY, _PATIENCE_BETWEEN_S)
            await asyncio.sleep(LOOK_S)

    async def require_open(self, visit: Visit) -> None:
        """Return if the service is open. Raises BackendProblem with the operators' words."""
        async with self._lock:
            if self._clock() - self._asked_at >= _FRESH_S:
                await self._ask(visit, _PATIENCE_S)
        mode = self._known.mode("MAINTENANCE_MODE")
        if mode is None or str(mode.value).lower() != "true":
            return
        message = self._known.mode("MAINTENANCE_MESSAGE")
        detail = str(message.value) if message else ""
        wait_s = _RETRY_S
        if mode.expires_at is not None:
            left_s = (mode.expires_at - datetime.now(UTC)).total_seconds()
            wait_s = min(max(left_s, 1.0), _LONGEST_RETRY_S)
        raise BackendProblem(503, ProblemDetails(code="maintenance", detail=detail), wait_s)

    async def _ask(self, visit: Visit, patience_s: float) -> None:
        try:
            async with asyncio.timeout(patience_s):
                self._known = await self._backend.health(visit)
            self._answers = True
        except (InfoAssistantError, BackendProblem, TimeoutError):
            # Its own page tells the reader of this outage, as soon as they ask something.
            self._answers = False
        finally:
            self._asked_at = self._clock()
