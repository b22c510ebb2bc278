"""What the backend replies of spending, as far as a page shows it."""

from datetime import date

from info_assistant.web.replies import Reply, Text


class UsageRow(Reply):
    """What the calls of a day took, for one model."""

    day: date
    provider: Text = ""
    model: Text = ""
    calls: int = 0
    cost_usd: float = 0.0


class Budget(Reply):
    """How much may be spent in a month, and how much is."""

    month: Text = ""
    limit_usd: float = 0.0
    spent_usd: float = 0.0


class Usage(Reply):
    """What language models cost a tenant, day by day."""

    tenant: Text = ""
    first: date
    last: date
    rows: tuple[UsageRow, ...] = ()
    budget: Budget | None = None
