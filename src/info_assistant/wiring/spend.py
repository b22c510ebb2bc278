"""What language models cost, and who may spend it."""

from dataclasses import dataclass

from info_assistant.identity.tenants import Tenants
from info_assistant.ports import TextModel
from info_assistant.providers.accounted import AccountedModel
from info_assistant.providers.prices import TablePrices
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.settings import Settings
from info_assistant.stores.ledger import RecordedLedger
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.spending import BudgetWatch, RecordedSpending
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part


@dataclass(frozen=True, slots=True)
class SpendParts(Part):
    """The ledger, and what is known from it."""

    ledger: RecordedLedger
    spending: RecordedSpending
    budgets: MonthlyBudgets

    def accounted(self, model: TextModel) -> AccountedModel:
        """Return a model of one provider, each of whose calls is noted before it is made."""
        return AccountedModel(model, self.ledger)


def spend_parts(
    settings: Settings, base: Foundation, log: RecordLog, tenants: Tenants
) -> SpendParts:
    """Return the ledger in `log`, and what is known from it."""
    prices = TablePrices(settings.spend.prices)
    budgets = MonthlyBudgets(tenants.budget_micro_usd, base.clock)
    metrics = base.metrics
    ledger = RecordedLedger(
        log, prices, budgets, on_end=metrics.spent, on_pending=metrics.spend_pending.set
    )
    watch = BudgetWatch(log, budgets, tenants.with_budget)
    return SpendParts(
        ledger=ledger,
        spending=RecordedSpending(log, ledger, base.clock),
        budgets=budgets,
        tasks={"ledger": ledger.run, "budgets": watch.run},
        # The table is read at once, unless nobody is paid.
        starters=(watch.start, *([prices.load] if settings.providers.configured else [])),
        closers=(ledger.catch_up,),
    )
