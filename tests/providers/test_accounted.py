"""Every call of a model is noted before it is made, and ends in the ledger exactly once."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spending import CALL, PROMPT, WORDS, RoundPrices, ToldModel, ledger_in, spend_log

from info_assistant.errors import (
    BudgetExhausted,
    FaultDetail,
    ProviderError,
    ProviderFault,
    RecordsUnavailable,
)
from info_assistant.model.prompt import (
    Message,
    ModelEvent,
    ModelFinished,
    Prompt,
    TextDelta,
    TokenUsage,
)
from info_assistant.model.spend import ModelCall, SpendEvent, SpendState
from info_assistant.providers.accounted import AccountedModel, upper_bound
from info_assistant.providers.failover import FailoverModel, Route
from info_assistant.resilience.breaker import Breaker
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import KIND, RecordedLedger

BOUND = upper_bound(PROMPT)


class NotedLedger:
    """ports.Ledger that remembers what it was told; `broken`, it can note nothing."""

    def __init__(self, *, broken: bool = False) -> None:
        """Begin with nothing."""
        self.ends: list[tuple[SpendState, TokenUsage]] = []
        self.reserved: list[TokenUsage] = []
        self._broken = broken

    async def reserve(
        self, call: ModelCall, *, provider: str, model: str, most: TokenUsage
    ) -> SpendEvent:
        """Note a reservation."""
        if self._broken:
            raise RecordsUnavailable("The journal cannot be written.")
        self.reserved.append(most)
        return SpendEvent(
            "e", datetime.now(UTC), call, provider, model, SpendState.RESERVED, most, 0, "p"
        )

    async def complete(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Note what was counted."""
        await asyncio.sleep(0)
        self.ends.append((SpendState.COMPLETED, usage))
        return event

    async def abort(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Note an estimate."""
        await asyncio.sleep(0)
        self.ends.append((SpendState.ABORTED, usage))
        return event


async def heard(model: AccountedModel) -> list[ModelEvent]:
    """Return all that a model says."""
    async with aclosing(model.stream(PROMPT, CALL)) as events:
        return [each async for each in events]


def failing(kind: ProviderFault, usage: TokenUsage | None) -> ProviderError:
    """Return a provider's fault."""
    return ProviderError("It failed.", provider="openai", kind=kind, detail=FaultDetail(usage))


async def test_a_finished_call_is_completed_with_the_providers_count() -> None:
    """All events pass; the count is noted before the last of them, once."""
    ledger = NotedLedger()
    events = await heard(AccountedModel(ToldModel(TokenUsage(9, 3)), ledger))
    assert [each.text for each in events if isinstance(each, TextDelta)] == list(WORDS)
    assert isinstance(events[-1], ModelFinished)
    assert ledger.reserved == [BOUND]
    assert ledger.ends == [(SpendState.COMPLETED, TokenUsage(9, 3))]


async def test_the_count_is_noted_before_the_last_word_is_passed_on() -> None:
    """Whoever leaves upon the last event has not changed the bill."""
    ledger = NotedLedger()
    model = AccountedModel(ToldModel(TokenUsage(9, 3)), ledger)
    async with aclosing(model.stream(PROMPT, CALL)) as events:
        async for each in events:
            if isinstance(each, ModelFinished):
                assert ledger.ends == [(SpendState.COMPLETED, TokenUsage(9, 3))]
                break
    assert len(ledger.ends) == 1


@pytest.mark.parametrize(
    ("usage", "end"),
    [
        (None, (SpendState.ABORTED, BOUND)),
        (TokenUsage(0, 0), (SpendState.ABORTED, TokenUsage(0, 0))),
        (TokenUsage(12, 100), (SpendState.COMPLETED, TokenUsage(12, 100))),
    ],
    ids=["nobody counted", "no answer had begun", "the provider counted"],
)
async def test_a_failed_call_is_billed_as_the_fault_says(
    usage: TokenUsage | None, end: tuple[SpendState, TokenUsage]
) -> None:
    """Estimated at the bound unless the fault says nothing, or the provider's own count."""
    ledger = NotedLedger()
    told = ToldModel(failing(ProviderFault.TRUNCATED, usage))
    with pytest.raises(ProviderError):
        await heard(AccountedModel(told, ledger))
    assert ledger.ends == [end]
    assert told.closed == 1


async def test_a_fault_of_our_own_is_estimated() -> None:
    """Whatever is raised, the call is there, once."""
    ledger = NotedLedger()
    with pytest.raises(ZeroDivisionError):
        await heard(AccountedModel(ToldModel(ZeroDivisionError()), ledger))
    assert ledger.ends == [(SpendState.ABORTED, BOUND)]


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
async def test_whoever_leaves_is_billed_the_bound(after: int) -> None:
    """A closed generator ends the call and leaves one estimate; one never begun leaves nothing."""
    ledger, told = NotedLedger(), ToldModel(TokenUsage(9, 3))
    events = AccountedModel(told, ledger).stream(PROMPT, CALL)
    for _ in range(after):
        await anext(events)
    await events.aclose()
    assert ledger.ends == ([(SpendState.ABORTED, BOUND)] if after else [])
    assert told.closed == len(told.calls) == (1 if after else 0)


@pytest.mark.parametrize("at", range(12))
async def test_a_cancelled_call_ends_once(at: int) -> None:
    """Cancelled at any await, also while it is being noted: never two ends, never words lost."""
    ledger, told = NotedLedger(), ToldModel(TokenUsage(9, 3))
    task = asyncio.ensure_future(heard(AccountedModel(told, ledger)))
    for _ in range(at):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() is not done
    assert len(ledger.ends) <= len(ledger.reserved)
    assert told.closed == len(told.calls)


async def test_without_a_ledger_no_call_is_made() -> None:
    """What cannot be noted is not bought."""
    told = ToldModel(TokenUsage(9, 3))
    with pytest.raises(RecordsUnavailable):
        await heard(AccountedModel(told, NotedLedger(broken=True)))
    assert told.calls == []


async def test_a_server_that_does_not_count_is_never_estimated_low() -> None:
    """The prompt at its bound, and each byte that came as a token of its own."""
    ledger = NotedLedger()
    await heard(AccountedModel(ToldModel(TokenUsage(3, 2, estimated=True)), ledger))
    ((state, usage),) = ledger.ends
    assert state is SpendState.COMPLETED
    assert usage == TokenUsage(BOUND.input, len("".join(WORDS)), estimated=True)


async def test_more_text_than_was_allowed_raises_the_estimate() -> None:
    """A server that ignores the limit of tokens is covered by the bytes that came."""
    ledger = NotedLedger()
    told = ToldModel(failing(ProviderFault.TRUNCATED, None), words=["ä" * 300])
    with pytest.raises(ProviderError):
        await heard(AccountedModel(told, ledger))
    assert ledger.ends[0][1].output == 600


@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=5))
def test_no_text_has_more_tokens_than_the_bound(system: str, texts: list[str]) -> None:
    """Not even where each byte is a token, with what providers add around messages."""
    messages = tuple(Message("user", each) for each in texts)
    bound = upper_bound(Prompt("v1", system, messages, 100))
    each_byte = len(system.encode(errors="replace")) + sum(len(each.encode()) for each in texts)
    assert bound.input >= each_byte + 4 * (len(texts) + 1) + 3
    assert bound.output == 100
    assert bound.estimated


async def test_a_real_ledger_keeps_one_event_for_each_call(tmp_path: Path) -> None:
    """Twenty calls at once, half of them left early: as many events, each ended."""
    log = spend_log(ObjectBlobs(str(tmp_path / "objects")), tmp_path / "journals")
    model = AccountedModel(ToldModel(TokenUsage(9, 3)), ledger_in(log))

    async def ask(number: int) -> None:
        async with aclosing(model.stream(PROMPT, CALL)) as events:
            async for each in events:
                if number % 2 and isinstance(each, TextDelta):
                    break

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(ask(number))
    pages = log.of_day(KIND, "default", datetime.now(UTC).date(), set())
    states = [str(each["state"]) async for page in pages for each in page]
    assert sorted(states) == ["aborted"] * 10 + ["completed"] * 10 + ["reserved"] * 20
    await log.close()


async def test_nobody_else_is_asked_where_the_budget_is_used_up(tmp_path: Path) -> None:
    """Failing over would not make a tenant richer: no provider is called."""
    log = spend_log(ObjectBlobs(str(tmp_path / "objects")), tmp_path / "journals")
    budgets = MonthlyBudgets(lambda _: 1, SystemClock())
    ledger = RecordedLedger(log, RoundPrices(), budgets)
    told = [ToldModel(TokenUsage(9, 3)) for _ in range(2)]
    routes = [Route(AccountedModel(each, ledger), Breaker("told")) for each in told]
    with pytest.raises(BudgetExhausted):
        async for _ in FailoverModel(routes).stream(PROMPT, CALL):
            pass
    assert [each.calls for each in told] == [[], []]
    await log.close()


async def test_each_attempt_is_an_event_of_its_own(tmp_path: Path) -> None:
    """A call that broke off and the one that answered in its place: both are on the bill."""
    log = spend_log(ObjectBlobs(str(tmp_path / "objects")), tmp_path / "journals")
    ledger = ledger_in(log)
    told = [ToldModel(failing(ProviderFault.TRUNCATED, None)), ToldModel(TokenUsage(9, 3))]
    routes = [Route(AccountedModel(each, ledger), Breaker("told")) for each in told]
    async for _ in FailoverModel(routes).stream(PROMPT, CALL):
        pass
    spent = ledger.of_request(CALL.request_id)
    assert spent.input_tokens == BOUND.input + 9
    assert spent.output_tokens == BOUND.output + 3
    assert [each.calls[0].attempt for each in told] == [1, 2]
    await log.close()
