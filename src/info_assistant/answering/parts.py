"""What a question's way needs from outside."""

from collections.abc import Callable
from dataclasses import dataclass, field

from info_assistant.answering.conflicts import ConflictFinder
from info_assistant.answering.conversation import Talk
from info_assistant.answering.generate import Composing
from info_assistant.answering.recall import Memory
from info_assistant.answering.record import Recorder
from info_assistant.model.answer import AnswerUsage
from info_assistant.model.spend import Budget
from info_assistant.observability.spans import Spans
from info_assistant.ports import (
    AnswerRecords,
    Clock,
    Embedder,
    Generator,
    PassageIndex,
    Visibility,
)


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """What the pipeline needs from outside.

    `generator` quotes; `composing` has models write instead, where there are any. `talk` knows
    earlier turns, `memory` earlier answers. `visibility` knows what may be shown at each moment.
    `conflicts` finds where sources differ, if that is wanted. `usage_of` returns what all model
    calls for an answer took, by the ledger; without it the answer's own call counts. `spans` makes
    traces, where wanted. `budget_of` returns how a tenant's budget stands.
    """

    embedder: Embedder
    index: PassageIndex
    generator: Generator
    clock: Clock
    recorder: Recorder
    records: AnswerRecords
    visibility: Visibility
    memory: Memory = field(default_factory=Memory)
    composing: Composing | None = None
    talk: Talk = field(default_factory=Talk)
    refuse_personal_data: bool = False
    conflicts: ConflictFinder | None = None
    usage_of: Callable[[str], AnswerUsage] | None = None
    spans: Spans | None = None
    budget_of: Callable[[str], Budget | None] = lambda _tenant: None
