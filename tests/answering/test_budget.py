"""Who has an answer written is told when most of their tenant's budget is spent."""

from datetime import date

import pytest
from tests.answering.conftest import Desk
from tests.answering.test_generate import CARRY, LEAVE, composing, events_of

from info_assistant.errors import BudgetExhausted
from info_assistant.model.answer import AnswerMode
from info_assistant.model.events import AnswerFinished, NoticeGiven
from info_assistant.model.spend import Budget, BudgetState

MONTH = date(2026, 11, 1)
MOST = Budget(MONTH, 1_000_000, 840_000, BudgetState.NOTICE)


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (None, None),
        (Budget(MONTH, 1_000_000, 10_000, BudgetState.WITHIN), None),
        (MOST, "(84 %)"),
        (Budget(MONTH, 1_000_000, 1_200_000, BudgetState.EXHAUSTED), "(100 %)"),
        (Budget(MONTH, 0, 0, BudgetState.EXHAUSTED), "is spent. Once"),
    ],
    ids=["no budget", "enough", "most of it", "all of it", "none at all"],
)
async def test_a_written_answer_says_that_most_is_spent(
    desk: Desk, budget: Budget | None, told: str | None
) -> None:
    """In a stream as a notice, and in the finished answer; what is kept for others has it not."""
    _, wanted = composing(lambda leave: [f"{CARRY} {leave}"])
    desk.change(composing=wanted, budget_of={"default": budget}.get)
    events = await events_of(desk)
    notices = [each.text for each in events if isinstance(each, NoticeGiven)]
    assert isinstance(events[-1], AnswerFinished)
    assert list(events[-1].answer.notices) == notices
    assert len(notices) == (told is not None)
    assert all(told in each for each in notices if told)
    desk.change(budget_of={}.get)
    (again,) = [each for each in await events_of(desk) if isinstance(each, AnswerFinished)]
    assert again.answer.notices == ()


async def test_a_quoted_answer_says_nothing_of_it(desk: Desk) -> None:
    """Nobody pays for quotes, whatever the budget is; nor does an error speak of it."""
    _, wanted = composing(lambda _leave: [BudgetExhausted("All is spent.")], falls_back=True)
    desk.change(composing=wanted, budget_of={"default": MOST}.get)
    answer = await desk.pipeline.answer(LEAVE)
    assert (answer.mode, answer.degraded) == (AnswerMode.EXTRACTIVE, ("budget_exhausted",))
    assert answer.notices == ()
