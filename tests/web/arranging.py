"""What the backend replies on pages about what people ask and read, for the tour of all states."""

from collections.abc import Callable

from starlette.responses import JSONResponse
from tests.web.conftest import ANSWER, DOCUMENT, ScriptedBackend

from info_assistant.web import words

Arrange = Callable[[ScriptedBackend], None]

_AT = "2026-11-23T13:06:00Z"


def missing(text: str, **fields: object) -> Arrange:
    """Let people have asked in vain."""
    closest = [{"id": DOCUMENT, "title": title} for title in (text, "")]
    group: dict[str, object] = {
        "id": ANSWER,
        "newest": ANSWER,
        "question": text,
        "count": 1,
        "askers": 1,
        "first_at": _AT,
        "last_at": _AT,
        "shortfalls": {text: 1},
    }
    many = {
        "examples": [text, text],
        "count": 7,
        "askers": 3,
        "shortfalls": dict.fromkeys(words._SHORTFALLS, 2),
        "documents": closest,
    }
    marked = {"marked": {"actor": text, "at": _AT}}
    groups = [group, *(group | many | marked | {"state": each} for each in ("again", "handled"))]
    body = {"groups": groups, "since": _AT, "questions": 9, "left_out": 2, "handled": 2, **fields}

    def arrange(backend: ScriptedBackend) -> None:
        backend.replies["GET /v1/unanswered"] = JSONResponse(body)
        backend.replies[f"POST /v1/unanswered/{ANSWER}/handled"] = JSONResponse(group)

    return arrange


def read_by(text: str) -> dict[str, object]:
    """Return how often a document was read, with the name of a reader."""
    count = {"opened": 2, "downloaded": 1, "cited": 4, "people": 2}
    person = {"subject": text, "opened": 2, "downloaded": 1, "last_at": _AT}
    days = [{"day": day, **count} for day in ("2026-11-23", "2026-11-20")]
    return {"since": _AT, "total": count, "days": days, "readers": [person, {}]}
