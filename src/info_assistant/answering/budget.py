"""Budget: tell who has an answer written that most of what their tenant may spend is spent.

How much is spent changes with each call, so this is asked when an answer is finished and never kept
with it.
"""

from info_assistant.model.answer import AnswerMode
from info_assistant.model.spend import Budget, BudgetState


def budget_notices(mode: AnswerMode, budget: Budget | None) -> tuple[str, ...]:
    """Return what readers of a written answer are told of the budget it was paid from."""
    if mode is not AnswerMode.GENERATED or budget is None or budget.state is BudgetState.WITHIN:
        return ()
    share = f" ({min(100, 100 * budget.spent // budget.limit)} %)" if budget.limit else ""
    notice = (
        f"Most of this month's budget for answers written by a language model is spent{share}. "
        "Once it is used up, none are written until the month is over."
    )
    return (notice,)
