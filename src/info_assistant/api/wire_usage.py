"""What language models cost, as it travels."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime

from info_assistant.api.wire import Wire
from info_assistant.model.gap import RecordGap
from info_assistant.model.spend import Budget, BudgetState, UsageLine


class UsageRow(Wire):
    """What the calls of a day took, for one model.

    `completed` calls are as the provider counted them. `aborted` broke off and are estimated,
    `unknown` are those whose process died, `open` those under way, both at their upper bounds;
    `estimated_cost_usd` is the part of the cost that rests on these. `assumed_price`: the model's
    price is not known and was set high.
    """

    day: date
    provider: str
    model: str
    calls: int
    completed: int
    aborted: int
    unknown: int
    open: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    micro_usd: int
    cost_usd: float
    estimated_cost_usd: float
    assumed_price: bool
    tenant: str


class BudgetBody(Wire):
    """The budget of this month (UTC). `notice` from 80 % on; calls under way count as spent."""

    month: str
    limit_usd: float
    spent_usd: float
    state: BudgetState


class GapBody(Wire):
    """Between these moments a process vanished with its disk; calls that it made may be missing.

    They come to at most `at_most_usd` for this tenant. The gap closes when the disk comes back.
    """

    writer: str
    since: datetime
    until: datetime
    at_most_usd: float


class UsageTotal(Wire):
    """The rows together."""

    calls: int
    input_tokens: int
    output_tokens: int
    micro_usd: int
    cost_usd: float


class UsageReport(Wire):
    """A tenant's use of language models, by day (UTC), provider and model."""

    tenant: str
    first: date
    last: date
    rows: list[UsageRow]
    total: UsageTotal
    budget: BudgetBody | None
    gaps: list[GapBody]


def usage_report(
    tenant: str,
    days: tuple[date, date],
    lines: Sequence[UsageLine],
    budget: Budget | None,
    gaps: Sequence[RecordGap] = (),
) -> UsageReport:
    """Return a tenant's usage as it travels."""
    rows = [_row(tenant, each) for each in lines]
    spent = sum(each.micro_usd for each in rows)
    return UsageReport(
        tenant=tenant,
        first=days[0],
        last=days[1],
        rows=rows,
        total=UsageTotal(
            calls=sum(each.calls for each in rows),
            input_tokens=sum(each.input_tokens for each in rows),
            output_tokens=sum(each.output_tokens for each in rows),
            micro_usd=spent,
            cost_usd=spent / 1e6,
        ),
        budget=None if budget is None else _budget(budget),
        gaps=[
            GapBody(
                writer=each.writer,
                since=each.begin,
                until=each.end,
                at_most_usd=each.at_most_micro_usd / 1e6,
            )
            for each in gaps
        ],
    )


def usage_csv(report: UsageReport) -> str:
    """Return the rows as CSV (RFC 4180), with their names in the first line."""
    text = io.StringIO()
    names = list(UsageRow.model_fields)
    table = csv.DictWriter(text, names)
    table.writeheader()
    for row in report.rows:
        # A spreadsheet would take a text that begins like a formula for one.
        fields = row.model_dump(mode="json")
        table.writerow({name: _harmless(value) for name, value in fields.items()})
    return text.getvalue()


def _row(tenant: str, line: UsageLine) -> UsageRow:
    return UsageRow(
        day=line.day,
        provider=line.provider,
        model=line.model,
        calls=line.completed + line.aborted + line.unknown + line.open,
        completed=line.completed,
        aborted=line.aborted,
        unknown=line.unknown,
        open=line.open,
        input_tokens=line.input_tokens,
        cached_input_tokens=line.cached_input_tokens,
        output_tokens=line.output_tokens,
        micro_usd=line.micro_usd,
        cost_usd=line.micro_usd / 1e6,
        estimated_cost_usd=line.estimated_micro_usd / 1e6,
        assumed_price=line.assumed,
        tenant=tenant,
    )


def _budget(budget: Budget) -> BudgetBody:
    return BudgetBody(
        month=f"{budget.month:%Y-%m}",
        limit_usd=budget.limit / 1e6,
        spent_usd=budget.spent / 1e6,
        state=budget.state,
    )


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
