"""A ledger to write into, prices that are easy to check, and a model that says what it is told."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from pathlib import Path

from info_assistant.model.prompt import (
    Message,
    ModelEvent,
    ModelFinished,
    ModelStarted,
    Prompt,
    TextDelta,
    TokenUsage,
)
from info_assistant.model.spend import Cost, ModelCall
from info_assistant.ports import FolderBlobs
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.stores.ledger import KIND, RecordedLedger, ended_by_death
from info_assistant.stores.record_log import RecordLog

PROMPT = Prompt("v1", "Answer.", (Message("user", "How long is leave?"),), most_tokens=100)
CALL = ModelCall("default", "request-1")
WORDS = ("Leave ", "lasts ", "30 days.")


class RoundPrices:
    """ports.PriceList: one micro-dollar for a token that is read, two for one that is written."""

    def cost(self, provider: str, model: str, usage: TokenUsage, at: datetime) -> Cost:  # noqa: ARG002  Part of the port.
        """Return the price."""
        return Cost(usage.input + 2 * usage.output, "round 1")


class ToldModel:
    """ports.TextModel that says `words`, and then ends as it is told: `end` counts, or is raised.

    Without an end it waits for ever. `calls` holds the calls that were made.
    """

    provider = "openai"
    model = "told"

    def __init__(self, end: TokenUsage | Exception | None, words: Sequence[str] = WORDS) -> None:
        """Say `words`."""
        self._end = end
        self._words = words
        self.calls: list[ModelCall] = []
        self.closed = 0

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:  # noqa: ARG002  Part of the port.
        """Say the words."""
        self.calls.append(call)
        try:
            yield ModelStarted(self.provider, self.model)
            for each in self._words:
                yield TextDelta(each)
            if isinstance(self._end, Exception):
                raise self._end
            if self._end is not None:
                yield ModelFinished(self._end)
        finally:
            self.closed += 1


def ledger_in(log: RecordLog) -> RecordedLedger:
    """Return a ledger without budgets."""
    return RecordedLedger(log, RoundPrices(), NoBudgets())


def spend_log(blobs: FolderBlobs, folder: Path) -> RecordLog:
    """Return the log of a process, which ends what dead ones had begun."""
    return RecordLog(blobs, folder, endings={KIND: ended_by_death})
