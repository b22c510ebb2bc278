"""While only known answers are given."""

import pytest
from tests.answering.conftest import Desk, ask, memory_of

from info_assistant.errors import CacheOnlyMiss, VectorStoreUnavailable

LEAVE = ask("May employees carry over five days of annual leave?")


async def test_only_known_answers_are_given(desk: Desk) -> None:
    """What is known is answered; anything else is refused before anything is searched for."""
    on = False
    desk.change(memory=memory_of(desk.cache, only=lambda: on))
    answer = await desk.pipeline.answer(LEAVE)
    on = True
    desk.index.failure = VectorStoreUnavailable("Nobody may ask.")
    assert (await desk.pipeline.answer(LEAVE)).text == answer.text
    with pytest.raises(CacheOnlyMiss):
        await desk.pipeline.answer(ask("Which canteen serves soup on Fridays?"))
    assert desk.notebook.failures == ["cache_only_miss"]
