"""Golden questions: some of which it is known which document answers them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.schema import MALFORMED


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question, who asks it, and the document that must be among what is found."""

    tenant: str
    groups: tuple[str, ...]
    question: str
    document_id: str


def encoded_questions(questions: Sequence[GoldenQuestion]) -> bytes:
    """Return questions as JSON lines."""
    return "".join(f"{json.dumps(asdict(each))}\n" for each in questions).encode()


def decoded_questions(data: bytes) -> Sequence[GoldenQuestion]:
    """Read questions from JSON lines; `groups` may be left out. Raises StoredDataInvalid."""
    try:
        return [_question(json.loads(line)) for line in data.splitlines() if line.strip()]
    except MALFORMED as exc:
        raise StoredDataInvalid(
            "Golden questions are JSON lines, each with tenant, question and document_id, and "
            f"perhaps groups; this file has others ({type(exc).__name__}: {exc})."
        ) from exc


def _question(fields: dict[str, object]) -> GoldenQuestion:
    groups = fields.get("groups", ["everyone"])
    if not isinstance(groups, list):
        raise TypeError("`groups` is no list")
    return GoldenQuestion(
        str(fields["tenant"]),
        tuple(map(str, groups)),
        str(fields["question"]),
        str(fields["document_id"]),
    )
