"""Whether operators have closed the service; then the page says so, signed in or not."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from info_assistant.errors import InfoAssistantError
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.replies import Health, ProblemDetails
from info_assistant.web.visits import Visit

_FRESH_S = 1.0
_PATIENCE_S = 0.5
_RETRY_S, _LONGEST_RETRY_S = 60.0, 3600.0


class MaintenanceWatch:
    """Asks the backend's /health, once a second at most.

    While the backend does not answer, what it said last counts: a service that was closed a moment
    ago is being worked on.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask `backend`."""
        self._backend = backend
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known = Health()
        self._asked_at = -_FRESH_S

    async def require_open(self, visit: Visit) -> None:
        """Return if the service is open. Raises BackendProblem with the operators' words."""
        async with self._lock:
            if self._clock() - self._asked_at >= _FRESH_S:
                await self._ask(visit)
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

    async def _ask(self, visit: Visit) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                self._known = await self._backend.health(visit)
        except (InfoAssistantError, BackendProblem, TimeoutError):
            # Its own page tells the reader of this outage, as soon as they ask something.
            pass
        finally:
            self._asked_at = self._clock()
