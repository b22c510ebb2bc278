"""Answers given before, as bytes.

An entry that cannot be understood is none: two versions of the product share a cache while one
replaces the other.
"""

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from info_assistant.model.answer import Citation
from info_assistant.model.known_answer import KnownAnswer
from info_assistant.model.schema import Stored, stamped

_ENTRY = TypeAdapter(KnownAnswer)


def encoded(known: KnownAnswer) -> bytes:
    """Return an answer as JSON. Of a passage it holds the text, and not where it can be quoted."""
    return to_json(stamped(Stored.KNOWN_ANSWER, _ENTRY.dump_python(_bare(known))))


def decoded(data: bytes) -> KnownAnswer | None:
    """Return the answer in `data`, unknown fields left out; None where it cannot be understood."""
    try:
        return _bare(_ENTRY.validate_json(data))
    except ValidationError:
        return None


def _bare(known: KnownAnswer) -> KnownAnswer:
    """Return an answer whose passages cannot be quoted anew."""

    def bare(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
        return tuple(
            replace(each, passage=replace(each.passage, statements=())) for each in citations
        )

    answer = known.answer
    return replace(
        known,
        answer=replace(answer, citations=bare(answer.citations), see_also=bare(answer.see_also)),
    )
