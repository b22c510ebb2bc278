"""What language models cost, and who may spend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from info_assistant.identity.tenants import Tenants
from info_assistant.ports import Budgets, TextModel
from info_assistant.providers.accounted import AccountedModel
from info_assistant.providers.prices import TablePrices
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.settings import Settings
from info_assistant.stores.exposure import BoundedExposure
from info_assistant.stores.ledger import RecordedLedger
from info_assistant.stores.redis import SharedBudgets, SpendTotals
from info_assistant.stores.spending import BudgetWatch, RecordedSpending
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part
from info_assistant.wiring.records import RecordParts
from info_assistant.wiring.redis import SharedRedis


@dataclass(frozen=True, slots=True)
class SpendParts(Part):
    """The ledger, and what is known from it."""

    ledger: RecordedLedger
    spending: RecordedSpending
    budgets: Budgets

    def accounted(self, model: TextModel) -> AccountedModel:
        """Return a model of one provider, each of whose calls is noted before it is made."""
        return AccountedModel(model, self.ledger)


def spend_parts(
    settings: Settings,
    base: Foundation,
    records: RecordParts,
    tenants: Tenants,
    redis: SharedRedis | None = None,
) -> SpendParts:
    """Return the ledger among the records, and what is known from it."""
    log = records.log
    prices = TablePrices(settings.spend.prices)
    local = MonthlyBudgets(tenants.budget_micro_usd, base.clock)
    budgets = local if redis is None else shared_budgets(local, redis)
    bounded = BoundedExposure(budgets, log, settings.spend.at_risk_usd * 1_000_000)
    metrics = base.metrics
    ledger = RecordedLedger(
        log, prices, bounded, on_end=metrics.spent, on_pending=metrics.spend_pending.set
    )
    metrics.conditions.watch_budgets(lambda: _spent(budgets, tenants.with_budget()))
    watch = BudgetWatch(log, budgets, tenants.with_budget)
    shared = {"shared budgets": budgets.run} if isinstance(budgets, SharedBudgets) else {}
    return SpendParts(
        ledger=ledger,
        spending=RecordedSpending(log, ledger, base.clock, records.writers),
        budgets=budgets,
        tasks={"ledger": ledger.run, "budgets": watch.run, **shared},
        # The table is read at once, unless nobody is paid.
        starters=(watch.start, *([prices.load] if settings.providers.configured else [])),
        closers=(ledger.catch_up,),
    )


def _spent(budgets: Budgets, tenants: Sequence[str]) -> Mapping[str, float]:
    """Return what share of its budget each of these tenants has spent this month."""
    known = ((tenant, budgets.of(tenant)) for tenant in tenants)
    return {tenant: each.spent / max(1, each.limit) for tenant, each in known if each is not None}


def shared_budgets(local: MonthlyBudgets, redis: SharedRedis) -> SharedBudgets:
    """Return budgets that all replicas share."""
    return SharedBudgets(
        SpendTotals(redis.connection, redis.replicas.name),
        local,
        lambda: redis.replicas.count,
        usable=redis.usable,
    )
