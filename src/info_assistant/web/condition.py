"""How the service is, for everybody who looks: what is closed, what is down, what is told of it."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from info_assistant.errors import BackendUnavailable, InfoAssistantError
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.banners import UNREACHABLE, Banner, banners_of
from info_assistant.web.replies import Health, ProblemDetails
from info_assistant.web.visits import NOBODY, Visit

LOOK_S = 1.5
"""How often the backend is asked while nobody visits."""

_FRESH_S = 0.5
_PATIENCE_S = 0.5
_PATIENCE_BETWEEN_S = 2.0
_RETRY_S, _LONGEST_RETRY_S = 60.0, 3600.0
_SILENCE_S = 4.0
_SOON_S = 10.0

_Result = TypeVar("_Result")


class ConditionWatch:
    """Asks the backend's /health: all the time, and for the first page twice a second at most.

    While the backend does not answer, what it said last counts for maintenance: a service that was
    closed a moment ago is being worked on.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Callable[[], float] = time.monotonic,
        *,
        silence_s: float = _SILENCE_S,
    ) -> None:
        """Ask `backend`; wait `silence_s` for a reply before asking whether it is there at all."""
        self._backend = backend
        self._clock = clock
        self._silence_s = silence_s
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

    async def while_it_answers(self, request: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what comes of a request that may rightly take long, as long as anybody is there.

        A backend that hangs takes connections and says nothing, as one that thinks does; the
        latter tells its health meanwhile. Raises BackendUnavailable for the former, within 5 s, and
        what the request raises.
        """
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(_outcome(request))
            while not (await asyncio.wait({asking}, timeout=self._silence_s))[0]:
                await self._ask(NOBODY, _PATIENCE_S)
                if not self._answers and asking.cancel():
                    break
        if asking.cancelled():
            raise BackendUnavailable(
                "The question-answering service does not answer.", retry_after_s=_SOON_S
            )
        outcome = asking.result()
        if isinstance(outcome, _Failed):
            raise outcome.error
        return outcome

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


@dataclass(frozen=True, slots=True)
class _Failed:
    """What a request has raised: a group of tasks would wrap it."""

    error: InfoAssistantError | BackendProblem


async def _outcome(request: Coroutine[Any, Any, _Result]) -> _Result | _Failed:
    try:
        return await request
    except (InfoAssistantError, BackendProblem) as exc:
        return _Failed(exc)
