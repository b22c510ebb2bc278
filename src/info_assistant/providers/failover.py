"""Several language models behind one another: what follows when one fails.

The table of docs/decisions/0015 as code; tests read the table and run it against this module.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from enum import StrEnum

from info_assistant.errors import GenerationUnavailable, ProviderError, ProviderFault
from info_assistant.model.prompt import ModelEvent, ModelFinished, ModelStarted, Prompt, TextDelta
from info_assistant.model.spend import ModelCall
from info_assistant.ports import TextModel
from info_assistant.resilience.breaker import Breaker, Outcome, Permit
from info_assistant.resilience.deadline import REQUEST_SECONDS, Deadline
from info_assistant.resilience.retry_budget import RetryBudget

BUSY_LOOP_S = 0.1
"""With an event loop as late as this, a timeout may be our own."""

FIRST_WORD_S = 10.0
"""What must be left of a question's time after a wait, in seconds."""

SHORT_WAIT_S = 1.0
"""How long a provider is waited for while another one could answer."""

BEFORE_ANOTHER = 2 / 3
"""The share of the time left that a call may take while another provider could answer after it.

A text that has begun may come without an end, be it slowly or at great length.
"""

_PAUSE_S = (0.05, 0.25)
"""Between two attempts with the same provider, drawn at random."""

_TOO_LATE_S = 0.5
_LONGEST_RETRY_AFTER_S = 60.0

EXTRACTIVE = "extractive"
"""The value of LLM_PROVIDER with which no model is asked."""

AUTO = "auto"
"""The value of LLM_PROVIDER with which the order of the chain stands."""


class NextStep(StrEnum):
    """What follows a failed call."""

    NEXT = "next provider"
    WAIT = "wait or next provider"
    STOP = "stop"


NEXT_STEPS: Mapping[ProviderFault, NextStep] = {
    ProviderFault.REFUSED: NextStep.NEXT,
    ProviderFault.TIMEOUT: NextStep.NEXT,
    ProviderFault.RATE_LIMITED: NextStep.WAIT,
    ProviderFault.QUOTA: NextStep.NEXT,
    ProviderFault.OVERLOADED: NextStep.NEXT,
    ProviderFault.BAD_REQUEST: NextStep.STOP,
    ProviderFault.CONTENT_FILTERED: NextStep.STOP,
    ProviderFault.TRUNCATED: NextStep.NEXT,
    ProviderFault.CANCELLED: NextStep.STOP,
}
"""What follows each class of fault."""

_SAME_AGAIN = frozenset({ProviderFault.REFUSED, ProviderFault.OVERLOADED, ProviderFault.TRUNCATED})
_IGNORED = frozenset(
    {
        ProviderFault.RATE_LIMITED,
        ProviderFault.BAD_REQUEST,
        ProviderFault.CONTENT_FILTERED,
        ProviderFault.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Route:
    """A model with the breaker and the retry budget before it."""

    model: TextModel
    breaker: Breaker
    budget: RetryBudget = field(default_factory=RetryBudget)


def outcome_of(error: ProviderError, *, loop_lag_s: float = 0.0) -> Outcome:
    """Return what a failed call means for the breaker of its provider."""
    if error.detail.lasting:
        return Outcome.LASTING
    ours = error.kind is ProviderFault.TIMEOUT and loop_lag_s >= BUSY_LOOP_S
    harmless = error.kind in _IGNORED or error.detail.ended or ours
    return Outcome.IGNORED if harmless else Outcome.FAILURE


class FailoverModel:
    """Asks one model after the other until one has answered. Implements `ports.TextModel`."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        preferred: Callable[[], str] = lambda: AUTO,
        fallback: bool = True,
        loop_lag_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Try `routes` in their order, after the provider that `preferred` names at each question.

        Without `fallback` only the first of them is asked.
        """
        self._routes = tuple(routes)
        self._preferred = preferred
        self._fallback = fallback
        self._loop_lag_s = loop_lag_s

    @property
    def configured(self) -> bool:
        """Whether there is any provider to ask."""
        return bool(self._routes)

    def in_use(self) -> bool:
        """Whether answers are composed by a model now; else quotes are given."""
        return self.configured and self._preferred() != EXTRACTIVE

    @property
    def provider(self) -> str:
        """The provider that is asked first now."""
        return next((route.model.provider for route in self._chain()), EXTRACTIVE)

    @property
    def model(self) -> str:
        """The model that is asked first now."""
        return next((route.model.model for route in self._chain()), "")

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:
        """Answer with the first model that can; see `ports.TextModel`.

        A model is named once its first words are there, so one that fails before is not seen.

        Raises:
            ProviderError: a fault after which nobody else is asked.
            GenerationUnavailable: nobody is left to ask.
        """
        attempts = _Attempts(self._chain(), Deadline.after(REQUEST_SECONDS))
        while (route := attempts.next_route()) is not None:
            permit = route.breaker.admit()
            if permit is None:
                continue
            numbered = replace(call, attempt=call.attempt + attempts.begun())
            bounded = replace(prompt, most_s=attempts.longest_s())
            with permit:
                try:
                    async with aclosing(_named_late(route.model, bounded, numbered)) as events:
                        async for event in events:
                            attempts.note(event, permit)
                            yield event
                except ProviderError as error:
                    permit.settle(outcome_of(error, loop_lag_s=self._loop_lag_s()))
                    wait_s = attempts.failed(route, error)
                else:
                    return
            if wait_s:
                await asyncio.sleep(wait_s)
        raise attempts.unavailable()

    def _chain(self) -> Sequence[Route]:
        """Return the routes in the order in which they are asked now."""
        wanted = self._preferred()
        if wanted == EXTRACTIVE:
            return ()
        ordered = sorted(self._routes, key=lambda route: route.model.provider != wanted)
        if self._fallback:
            return ordered
        return [each for each in ordered[:1] if wanted in {AUTO, each.model.provider}]


class _Attempts:
    """The calls made for one question, and who is to be asked next."""

    def __init__(self, chain: Sequence[Route], deadline: Deadline) -> None:
        self._left = deque(chain)
        self._tried: list[Route] = []
        self._deadline = deadline
        self._begun = 0
        self._last: ProviderError | None = None
        self._restarted = False
        self._said = False

    def next_route(self) -> Route | None:
        """Return whom to ask now, None if nobody is left or the time is up."""
        if not self._left or self._deadline.remaining <= _TOO_LATE_S:
            return None
        return self._left.popleft()

    def begun(self) -> int:
        """Note that a call is made; return how many were made before."""
        self._begun += 1
        return self._begun - 1

    def longest_s(self) -> float:
        """Return how many seconds the next call may take."""
        return self._deadline.remaining * (BEFORE_ANOTHER if self._others_admit() else 1)

    def note(self, event: ModelEvent, permit: Permit) -> None:
        """Note what is about to be passed on; whoever hears the end of it may leave at once."""
        self._said = self._said or isinstance(event, TextDelta)
        if isinstance(event, ModelFinished):
            permit.settle(Outcome.SUCCESS)

    def failed(self, route: Route, error: ProviderError) -> float:
        """Decide what follows; return how long to wait before it. Raises `error` if nothing may."""
        self._last = error
        step = NEXT_STEPS[error.kind]
        if step is NextStep.STOP:
            raise error
        first_time = route not in self._tried
        if first_time:
            self._tried.append(route)
            route.budget.earn()
        if self._said:
            # A whole new answer, but only once; what is shown must not begin again and again.
            self._said = False
            if self._restarted:
                self._left.clear()
                return 0.0
            self._restarted = True
        if step is NextStep.WAIT:
            return self._wait(route, error.retry_after_s, first_time=first_time)
        if first_time and self._may_repeat(route, error):
            self._left.append(route)
            return random.uniform(*_PAUSE_S)  # noqa: S311  # Spreads load, keeps no secret.
        return 0.0

    def _wait(self, route: Route, seconds: float | None, *, first_time: bool) -> float:
        if seconds is None or seconds <= 0:
            return 0.0
        longest = SHORT_WAIT_S if self._others_admit() else self._deadline.remaining - FIRST_WORD_S
        if first_time and seconds <= longest and route.budget.spend():
            self._left.appendleft(route)
            return seconds
        route.breaker.rest(seconds)
        return 0.0

    def _may_repeat(self, route: Route, error: ProviderError) -> bool:
        alone = not self._others_admit()
        passing = error.kind in _SAME_AGAIN and not error.detail.lasting
        return alone and passing and route.breaker.admitting and route.budget.spend()

    def _others_admit(self) -> bool:
        return any(each.breaker.admitting for each in self._left)

    def unavailable(self) -> GenerationUnavailable:
        """Return the error for a question that nobody answered."""
        wait_s = self._last.retry_after_s if self._last else None
        error = GenerationUnavailable(
            "No language model could write an answer just now. The passages that were found are "
            "shown instead. Please ask again in a few minutes.",
            retry_after_s=min(wait_s, _LONGEST_RETRY_AFTER_S) if wait_s else None,
        )
        error.__cause__ = self._last
        return error


async def _named_late(
    model: TextModel, prompt: Prompt, call: ModelCall
) -> AsyncGenerator[ModelEvent]:
    """Yield a model's events, its name only together with what it says."""
    held: ModelStarted | None = None
    async with aclosing(model.stream(prompt, call)) as events:
        async for event in events:
            if isinstance(event, ModelStarted):
                held = event
                continue
            if held is not None:
                yield held
                held = None
            yield event
