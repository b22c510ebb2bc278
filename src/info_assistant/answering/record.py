"""Record: keep what became of each question, as a record and in metrics."""

from collections.abc import Awaitable, Generator, Sequence
from typing import Any, Protocol

from info_assistant.errors import RecordsUnavailable
from info_assistant.model.answer import Answer
from info_assistant.model.record import AnswerRecord, SentenceCheck
from info_assistant.ports import AnswerRecords, KeepRecord


class Recorder(Protocol):
    """Takes note of outcomes, for metrics."""

    def answered(self, answer: Answer) -> None:
        """Note a finished answer with its status, mode and timings."""

    def failed(self, code: str) -> None:
        """Note a question that ended in an error."""

    def unrecorded(self) -> None:
        """Note an answer of which no record could be kept."""

    def checked(self, checks: Sequence[SentenceCheck], held_back: int) -> None:
        """Note what the checks of a draft's sentences found, and how many were held back."""


async def keep_record(keep: KeepRecord, recorder: Recorder, record: AnswerRecord) -> None:
    """Keep a record; where that fails the answer is given all the same, and counted."""
    try:
        await keep(record)
    except RecordsUnavailable:
        recorder.unrecorded()


class PutRecord:
    """The record of an answer that is given again, handed over and to be awaited.

    As with `keep_record`, the answer is given also where it cannot be kept.
    """

    def __init__(self, records: AnswerRecords, recorder: Recorder, record: AnswerRecord) -> None:
        """Hand it over."""
        self._recorder = recorder
        self._put: Awaitable[None] | None = None
        try:
            self._put = records.put(record)
        except RecordsUnavailable:
            recorder.unrecorded()

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until it survives a killed process. Raises nothing."""
        if self._put is None:
            return
        try:
            yield from self._put.__await__()
        except RecordsUnavailable:
            self._recorder.unrecorded()
