"""What language models cost, over HTTP: for operators of the tenant, as JSON and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.api.conftest import ANSWER, EVENTS, ScriptedPipeline, Start
from tests.api.test_audit import ByName
from tests.spending import CALL, RoundPrices, spend_log

from info_assistant.api.services import ApiServices
from info_assistant.model.answer import AnswerUsage
from info_assistant.model.events import AnswerFinished
from info_assistant.model.gap import RecordGap
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import Budget, BudgetState, SpendEvent, UsageLine
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import RecordedLedger
from info_assistant.stores.spending import RecordedSpending

DAY = date(2026, 11, 25)
LINES = (
    UsageLine(DAY, "anthropic", "claude", completed=2, input_tokens=10, micro_usd=1_500_000),
    UsageLine(DAY, "openai", "=cmd()", 1, 2, 3, 4, 50, 5, 6, 70, 60, assumed=True),
)


@dataclass
class Accounts:
    """ports.Spending and ports.Budgets with given lines; notes what it is asked."""

    asked: list[tuple[str, date, date]] = field(default_factory=list)

    def of_request(self, request_id: str) -> AnswerUsage:  # noqa: ARG002  Part of the port.
        """Return nothing."""
        return AnswerUsage()

    async def usage(self, tenant: str, first: date, last: date) -> Sequence[UsageLine]:
        """Return the lines."""
        self.asked.append((tenant, first, last))
        return LINES

    async def gaps(self, first: date, last: date) -> Sequence[RecordGap]:
        """Return one gap, whatever the days."""
        assert first <= last
        since = datetime(2026, 11, 25, 12, tzinfo=UTC)
        return [RecordGap("w1", since, since + timedelta(seconds=15), 20_000_000)]

    async def admit(self, event: SpendEvent) -> None:
        """Refuse nothing."""

    def note(self, event: SpendEvent) -> None:
        """Count nothing."""

    def of(self, tenant: str) -> Budget | None:
        """Return water's budget."""
        if tenant != "water":
            return None
        return Budget(date(2026, 11, 1), 2_000_000, 1_700_000, BudgetState.NOTICE)


@pytest.fixture
def accounts() -> Accounts:
    """Return accounts."""
    return Accounts()


HEADERS = {"X-API-Key": "olga:operator:water"}


async def test_an_operator_sees_what_the_tenant_spent(
    start: Start, services: ApiServices, accounts: Accounts
) -> None:
    """Rows by day, provider and model, their total, and how the budget stands."""
    async with start(
        replace(services, authenticator=ByName(), spending=accounts, budgets=accounts)
    ) as backend:
        reply = await backend.client.get(
            "/v1/usage", params={"from": "2026-11-01", "to": "2026-11-30"}, headers=HEADERS
        )
    assert reply.status_code == 200
    body = reply.json()
    assert accounts.asked == [("water", date(2026, 11, 1), date(2026, 11, 30))]
    first, second = body["rows"]
    assert (first["day"], first["provider"], first["model"]) == (
        "2026-11-25",
        "anthropic",
        "claude",
    )
    assert (first["calls"], first["cost_usd"], first["assumed_price"]) == (2, 1.5, False)
    assert (second["calls"], second["aborted"], second["unknown"], second["open"]) == (10, 2, 3, 4)
    assert second["estimated_cost_usd"] == 0.00006
    assert body["total"] == {
        "calls": 12,
        "input_tokens": 60,
        "output_tokens": 6,
        "micro_usd": 1_500_070,
        "cost_usd": 1.50007,
    }
    assert body["budget"] == {
        "month": "2026-11",
        "limit_usd": 2.0,
        "spent_usd": 1.7,
        "state": "notice",
    }
    assert body["gaps"] == [
        {
            "writer": "w1",
            "since": "2026-11-25T12:00:00Z",
            "until": "2026-11-25T12:00:15Z",
            "at_most_usd": 20.0,
        }
    ]


@pytest.mark.parametrize(
    ("params", "accept"), [({"format": "csv"}, "application/json"), ({}, "text/csv")]
)
async def test_the_same_as_csv(
    start: Start, services: ApiServices, accounts: Accounts, params: dict[str, str], accept: str
) -> None:
    """By `format` or `Accept`; a name that looks like a formula is made harmless."""
    async with start(
        replace(services, authenticator=ByName(), spending=accounts, budgets=accounts)
    ) as backend:
        reply = await backend.client.get(
            "/v1/usage", params=params, headers={**HEADERS, "Accept": accept}
        )
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.headers["content-disposition"].startswith('attachment; filename="usage-water-')
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["micro_usd"] for row in rows] == ["1500000", "70"]
    assert rows[1]["model"] == "'=cmd()"
    assert {row["tenant"] for row in rows} == {"water"}


async def test_by_default_it_is_this_month(
    start: Start, services: ApiServices, accounts: Accounts
) -> None:
    """From its first day to today, in UTC; no budget is null."""
    async with start(replace(services, spending=accounts, budgets=accounts)) as backend:
        reply = await backend.client.get("/v1/usage")
    ((tenant, first, last),) = accounts.asked
    assert (tenant, first.day) == ("default", 1)
    assert last - datetime.now(UTC).date() <= date.resolution
    assert reply.json()["budget"] is None


@pytest.mark.parametrize(
    ("days", "status"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, 422),
        ({"from": "2024-11-02", "to": "2026-11-01"}, 422),
        ({"from": "0173-09-18", "to": "0173-09-18"}, 422),
        ({"to": "0001-01-01"}, 422),
        ({"from": "9999-12-31", "to": "9999-12-31"}, 422),
        ({"from": "yesterday"}, 422),
        ({"from": "1795717822"}, 422),
        ({"format": "xlsx"}, 422),
    ],
)
async def test_days_that_make_no_sense_are_refused(
    start: Start, services: ApiServices, accounts: Accounts, days: dict[str, str], status: int
) -> None:
    """With words, before anything is read."""
    async with start(replace(services, spending=accounts, budgets=accounts)) as backend:
        reply = await backend.client.get("/v1/usage", params=days)
    assert reply.status_code == status
    assert accounts.asked == []


@pytest.mark.parametrize("role", ["reader", "contributor"])
async def test_others_do_not_see_it(
    start: Start, services: ApiServices, accounts: Accounts, role: str
) -> None:
    """The bill is the operators' business; it names no person."""
    async with start(
        replace(services, authenticator=ByName(), spending=accounts, budgets=accounts)
    ) as backend:
        reply = await backend.client.get("/v1/usage", headers={"X-API-Key": f"rita:{role}:water"})
    assert reply.status_code == 403
    assert accounts.asked == []


async def test_an_answer_says_what_it_cost(start: Start, services: ApiServices) -> None:
    """In US dollars in a header, and in the body with its tokens; nothing without a model."""
    answer = replace(ANSWER, usage=AnswerUsage(1000, 200, 1234))
    pipeline = ScriptedPipeline((*EVENTS[:-1], AnswerFinished(answer)))
    async with start(replace(services, pipeline=pipeline)) as backend:
        reply = await backend.client.post("/v1/query", json={"question": "How?"})
    assert reply.headers["x-request-cost"] == "0.001234"
    assert reply.json()["usage"] == {"tokens": 1200, "cost_usd": 0.001234}
    async with start(services) as backend:
        reply = await backend.client.post("/v1/query", json={"question": "How?"})
    assert reply.headers["x-request-cost"] == "0.000000"


async def test_what_a_real_ledger_holds_is_shown(
    start: Start, services: ApiServices, tmp_path: Path
) -> None:
    """From the reservation on, to the micro-dollar, with the budget beside it."""
    log = spend_log(ObjectBlobs(str(tmp_path / "objects")), tmp_path / "journals")
    budgets = MonthlyBudgets(lambda _: 1000, SystemClock())
    ledger = RecordedLedger(log, RoundPrices(), budgets)
    spending = RecordedSpending(log, ledger, SystemClock())
    async with start(replace(services, spending=spending, budgets=budgets)) as backend:
        event = await ledger.reserve(CALL, provider="openai", model="m", most=TokenUsage(900, 0))
        (row,) = (await backend.client.get("/v1/usage")).json()["rows"]
        assert (row["open"], row["micro_usd"], row["estimated_cost_usd"]) == (1, 900, 0.0009)
        await ledger.complete(event, TokenUsage(100, 20))
        await log.ship()
        body = (await backend.client.get("/v1/usage")).json()
    (row,) = body["rows"]
    assert (row["completed"], row["open"], row["micro_usd"]) == (1, 0, 140)
    assert row["estimated_cost_usd"] == 0
    assert body["budget"]["spent_usd"] == 0.00014
    assert body["budget"]["state"] == "within"
    await log.close()
