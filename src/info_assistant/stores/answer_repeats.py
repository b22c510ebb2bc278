"""Records of answers that were given again: short ones, which name the record that has it all.

The first time on a day that a process gives an answer again, its record is a whole one. Each later
one that day holds what is its own (who asked, when, in which words) and the id of that. Both are in
the same journal, the whole one first, and are kept for as long as each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from info_assistant.model.answer import common_to
from info_assistant.model.record import AnswerRecord
from info_assistant.model.schema import Stored, stamped
from info_assistant.resilience.same_objects import SameObjects

KIND = "repeats"
"""The kind of these records in names of segments."""

_MOST = 500


@dataclass(frozen=True, slots=True)
class _Whole:
    """A whole record: its id and day, and its answer but for what is its own."""

    id: str
    day: date
    common: object
    cites: tuple[str, ...]


class WholeRecords:
    """The whole records of this process that others may name."""

    def __init__(self) -> None:
        """Know none."""
        self._known: SameObjects[_Whole] = SameObjects(_MOST)

    def repeat_of(self, record: AnswerRecord) -> dict[str, Any] | None:
        """Return the short record, or None where a whole one is needed."""
        answer = record.answer
        whole = self._known.get(answer.sentences, answer.citations, answer.see_also)
        if whole is None or whole.day != record.at.date() or whole.common != common_to(answer):
            return None
        fields = {
            "id": record.id,
            "at": record.at,
            "tenant": record.tenant,
            "subject": record.subject,
            "question": record.question,
            "conversation_id": record.conversation_id,
            "repeats": whole.id,
            "cites": whole.cites,
            "timings_ms": answer.timings_ms,
        }
        return stamped(Stored.ANSWER_REPEAT, fields)

    def note(self, record: AnswerRecord) -> None:
        """Take note of a whole record that is kept."""
        answer = record.answer
        if answer.given_at is not None:
            cites = dict.fromkeys(each.passage.document_id for each in answer.citations)
            whole = _Whole(record.id, record.at.date(), common_to(answer), tuple(cites))
            self._known.note(whole, answer.sentences, answer.citations, answer.see_also)


def whole_fields(repeat: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return a repeated answer's record as a whole one. Raises what malformed fields raise."""
    named = ("id", "at", "tenant", "subject", "question", "conversation_id")
    return {
        **whole,
        **{name: repeat[name] for name in named},
        "answer": {**whole["answer"], "timings_ms": repeat["timings_ms"]},
    }
