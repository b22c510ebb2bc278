"""Answers given before, as bytes.

An entry that cannot be understood is none: two versions of the product share a cache while one
replaces the other.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from info_assistant.model.answer import Citation
from info_assistant.model.known_answer import KnownAnswer, SavedQuestion
from info_assistant.model.passage import Passage
from info_assistant.model.schema import MALFORMED, Stored, stamped

_ENTRY = TypeAdapter(KnownAnswer)


def encoded(known: KnownAnswer) -> bytes:
    """Return an answer as JSON. Of a passage it holds the text, and not where it can be quoted."""
    fields = _ENTRY.dump_python(_bare(known))
    for each in _citations(fields):
        # By name, so that other versions of the product find the fields that they know.
        each["passage"] = dict(zip(Passage._fields, each["passage"], strict=True))
    return to_json(stamped(Stored.KNOWN_ANSWER, fields))


def decoded(data: bytes) -> KnownAnswer | None:
    """Return the answer in `data`, unknown fields left out; None where it cannot be understood."""
    try:
        fields = from_json(data)
        for each in _citations(fields):
            passage = each["passage"]
            each["passage"] = {name: passage[name] for name in Passage._fields if name in passage}
        return _bare(_ENTRY.validate_python(fields))
    except MALFORMED:
        return None


def encoded_question(saved: SavedQuestion) -> bytes:
    """Return a saved question as JSON."""
    vector = b64encode(saved.vector).decode("ascii")
    return to_json(stamped(Stored.SAVED_QUESTION, {"text": saved.text, "vector": vector}))


def decoded_question(key: str, data: bytes) -> SavedQuestion | None:
    """Return the question in `data`; None where it cannot be understood."""
    try:
        fields = from_json(data)
        return SavedQuestion(key, str(fields["text"]), b64decode(fields["vector"], validate=True))
    except MALFORMED:
        return None


def _citations(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the citations of an answer that is given as JSON values."""
    answer = fields["answer"]
    yield from answer["citations"]
    yield from answer["see_also"]


def _bare(known: KnownAnswer) -> KnownAnswer:
    """Return an answer whose passages cannot be quoted anew."""

    def bare(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
        return tuple(
            replace(each, passage=each.passage._replace(statements=())) for each in citations
        )

    answer = known.answer
    return replace(
        known,
        answer=replace(answer, citations=bare(answer.citations), see_also=bare(answer.see_also)),
    )
