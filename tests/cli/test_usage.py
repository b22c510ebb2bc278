"""`usage` shows the bill as people, programs and spreadsheets need it; `tenants` sets budgets."""

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run, ScriptedBackend

ROW = {
    "day": "2026-11-25",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "calls": 3,
    "input_tokens": 1000,
    "output_tokens": 100,
    "cost_usd": 0.00021,
    "estimated_cost_usd": 0.0001,
    "assumed_price": True,
}
REPORT = {
    "tenant": "default",
    "first": "2026-11-01",
    "last": "2026-11-26",
    "rows": [ROW],
    "total": {"calls": 3, "cost_usd": 0.00021},
    "budget": {"month": "2026-11", "limit_usd": 5.0, "spent_usd": 4.2, "state": "notice"},
}


@pytest.fixture
def bill(backend: "ScriptedBackend", run_cli: "Callable[..., Run]") -> "Callable[..., Run]":
    """Return a function that runs `usage` against a backend with a bill."""
    backend.answer_with(200, REPORT)
    return lambda *more: run_cli("usage", *more, BACKEND_URL=backend.url)


def test_people_read_rows_and_sums(bill: "Callable[..., Run]", backend: "ScriptedBackend") -> None:
    """The days asked for, each row, what is estimated or assumed, and how the budget stands."""
    shown = bill("--from", "2026-11-01", "--to", "2026-11-26")
    assert shown.code == 0, shown.err
    assert backend.asked == ["/v1/usage?from=2026-11-01&to=2026-11-26"]
    told = shown.out + shown.err
    assert "2026-11-25\topenai\tgpt-4o-mini\t3\t1000\t100\t0.00021" in told
    assert "0.000210 USD for 3 calls, of which 0.000100 USD are estimates" in told
    assert "LLM_PRICES" in told
    assert "Budget of 2026-11: 4.20 of 5.00 USD (notice)" in told


def test_programs_and_spreadsheets_get_all_of_it(bill: "Callable[..., Run]") -> None:
    """JSON is the report, CSV its rows, and nothing else is on standard output."""
    assert json.loads(bill("--json").out) == REPORT
    (row,) = csv.DictReader(io.StringIO(bill("--csv").out))
    assert row["model"] == "gpt-4o-mini"
    assert set(row) == set(ROW)


def test_a_tenant_is_given_a_budget(run_cli: "Callable[..., Run]") -> None:
    """`tenants set-limits --budget-usd` works without a backend, and `list` shows it."""
    assert run_cli("tenants", "set-limits", "default", "--budget-usd", "200").code == 0
    listed = json.loads(run_cli("tenants", "list", "--json").out)
    assert listed["budget_usd"] == 200
    assert run_cli("tenants", "set-limits", "default", "--budget-usd", "0").code != 0
