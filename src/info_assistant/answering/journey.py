"""Journey: what was found and said for one question on its way, and how long it took."""

import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from info_assistant.answering.answer_key import AnswerKey
from info_assistant.answering.draft import Draft
from info_assistant.model.answer import Citation
from info_assistant.model.question import Question
from info_assistant.model.vectors import Floats
from info_assistant.observability.spans import QuestionSpans
from info_assistant.ports import KeepRecord

T = TypeVar("T")


@dataclass(slots=True)
class Journey:
    """One question on its way.

    `keep` takes its record. `vector` is the dense one of what was searched for. `notices` are for
    everybody who asks this, `own_notices` for this asker alone. `trace` is told of each stage.
    """

    draft: Draft
    keep: KeepRecord
    sources: tuple[Citation, ...] = ()
    evidence: float = 0.0
    searched: str = ""
    vector: Floats | None = None
    notices: list[str] = field(default_factory=list)
    own_notices: list[str] = field(default_factory=list)
    trace: QuestionSpans | None = None
    started: float = field(default_factory=time.perf_counter)
    timings_ms: dict[str, float] = field(default_factory=dict)

    async def timed(self, stage: str, step: Awaitable[T], shown_as: str = "") -> T:
        """Wait for a step and note the time it took; a trace shows it as a stage of that name."""
        if self.trace is not None:
            step = self.trace.within(shown_as or stage, step)
        begun = time.perf_counter()
        try:
            return await step
        finally:
            spent = (time.perf_counter() - begun) * 1000
            self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + spent

    def generating(self, step: Awaitable[T], shown_as: str = "generate") -> Awaitable[T]:
        """Return what waits for a step of generating an answer, shown as a stage of that name."""
        return self.timed("generate", step, shown_as)

    def passed(self, stage: str, begun: float) -> float:
        """Return the milliseconds of a stage that waited for nothing and has just ended."""
        seconds = time.perf_counter() - begun
        if self.trace is not None:
            self.trace.done(stage, seconds)
        return seconds * 1000

    def finished(self) -> dict[str, float]:
        """Return the time of each stage and of the whole, in milliseconds."""
        total = (time.perf_counter() - self.started) * 1000
        return {stage: round(ms, 2) for stage, ms in (*self.timings_ms.items(), ("total", total))}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is asked, on its way; its answer is known under `key`, if at all."""

    question: Question
    journey: Journey
    key: AnswerKey
