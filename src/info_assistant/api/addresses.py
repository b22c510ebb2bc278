"""Every address of the API, once: its kind of traffic, who may use it, what it is audited as.

The gateway decides by this table before a request's body is read, and lets nothing through that is
not in it. `docs/addresses.md` shows it.
"""

import re
from dataclasses import dataclass, field

from info_assistant.model.identity import Role
from info_assistant.model.traffic import Traffic

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Address:
    """A method and path. `role` is what a caller needs at least, None where anybody may come.

    `action` names what is done here in the audit trail; "" is not audited. `target` names the
    parameter of the path that it is done to.
    """

    method: str
    path: str
    traffic: Traffic
    role: Role | None = None
    action: str = ""
    target: str = ""
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the pattern of the path."""
        object.__setattr__(self, "pattern", re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", self.path)))


_DOCUMENT = "/v1/documents/{document_id}"
_ANSWER = "/v1/answers/{answer_id}"
_CONVERSATION = "/v1/conversations/{conversation_id}"

QUERY_PATH = "/v1/query"
"""The address of questions."""

CHAT_PATH, MODELS_PATH = "/v1/chat/completions", "/v1/models"
"""The addresses of OpenAI's API that are here too."""


def _of_one(method: str, below: str, traffic: Traffic, role: Role, action: str) -> Address:
    """Return an address below a document."""
    return Address(method, f"{_DOCUMENT}/{below}", traffic, role, action, "document_id")


def _of_several(*words: str) -> tuple[Address, ...]:
    """Return the addresses at which the same is done to several documents."""
    return tuple(
        Address(
            "POST", f"/v1/documents/{word}", Traffic.CHANGE, Role.CONTRIBUTOR, f"document.{word}"
        )
        for word in words
    )


ADDRESSES = (
    Address("GET", "/health", Traffic.PROBE),
    Address("GET", "/livez", Traffic.PROBE),
    Address("GET", "/readyz", Traffic.PROBE),
    Address("GET", "/metrics", Traffic.PROBE),
    Address("GET", "/docs", Traffic.PROBE),
    Address("GET", "/openapi.json", Traffic.PROBE),
    Address("POST", QUERY_PATH, Traffic.QUESTION, Role.READER, "question.ask"),
    Address("GET", _ANSWER, Traffic.READ, Role.READER, "answer.read", "answer_id"),
    Address(
        "GET",
        f"{_ANSWER}/events",
        Traffic.READ,
        Role.READER,
        "answer.resume",
        "answer_id",
    ),
    Address("GET", f"{_ANSWER}/export", Traffic.READ, Role.READER, "answer.export", "answer_id"),
    Address(
        "POST", f"{_ANSWER}/feedback", Traffic.CHANGE, Role.READER, "answer.judge", "answer_id"
    ),
    Address("GET", "/v1/feedback", Traffic.READ, Role.CONTRIBUTOR, "feedback.list"),
    Address("GET", "/v1/conversations", Traffic.READ, Role.READER, "conversation.list"),
    Address("GET", "/v1/unanswered", Traffic.READ, Role.CONTRIBUTOR, "question.unanswered"),
    Address(
        "POST",
        "/v1/unanswered/{question_id}/handled",
        Traffic.CHANGE,
        Role.CONTRIBUTOR,
        "question.handle",
        "question_id",
    ),
    Address(
        "GET",
        _CONVERSATION,
        Traffic.READ,
        Role.READER,
        "conversation.read",
        "conversation_id",
    ),
    Address(
        "DELETE",
        _CONVERSATION,
        Traffic.CHANGE,
        Role.READER,
        "conversation.delete",
        "conversation_id",
    ),
    Address("POST", CHAT_PATH, Traffic.QUESTION, Role.READER, "question.ask"),
    Address("GET", MODELS_PATH, Traffic.READ, Role.READER),
    Address("GET", f"{MODELS_PATH}/{{model}}", Traffic.READ, Role.READER, "model.read", "model"),
    Address("GET", "/v1/usage", Traffic.ADMIN, Role.OPERATOR, "usage.read"),
    Address("GET", "/v1/me", Traffic.READ, Role.READER),
    Address("POST", "/v1/documents", Traffic.INGESTION, Role.CONTRIBUTOR, "document.upload"),
    Address("GET", "/v1/documents", Traffic.READ, Role.READER, "document.list"),
    Address("GET", "/v1/documents/events", Traffic.READ, Role.READER, "document.watch"),
    Address("PATCH", "/v1/documents", Traffic.CHANGE, Role.CONTRIBUTOR, "document.change"),
    *_of_several("withdraw", "quarantine", "restore"),
    Address("GET", _DOCUMENT, Traffic.READ, Role.READER, "document.show", "document_id"),
    _of_one("GET", "text", Traffic.READ, Role.READER, "document.read"),
    _of_one("GET", "original", Traffic.READ, Role.READER, "document.download"),
    _of_one("GET", "versions", Traffic.READ, Role.READER, "document.versions"),
    _of_one("GET", "passages", Traffic.READ, Role.READER, "document.passages"),
    _of_one("GET", "events", Traffic.READ, Role.READER, "document.watch"),
    _of_one("GET", "citations", Traffic.READ, Role.CONTRIBUTOR, "document.citations"),
    _of_one("GET", "readers", Traffic.READ, Role.CONTRIBUTOR, "document.readers"),
    _of_one("POST", "withdraw", Traffic.CHANGE, Role.CONTRIBUTOR, "document.withdraw"),
    _of_one("POST", "quarantine", Traffic.CHANGE, Role.CONTRIBUTOR, "document.quarantine"),
    _of_one("POST", "restore", Traffic.CHANGE, Role.CONTRIBUTOR, "document.restore"),
    _of_one("POST", "retry", Traffic.CHANGE, Role.CONTRIBUTOR, "document.retry"),
    Address("PATCH", _DOCUMENT, Traffic.CHANGE, Role.CONTRIBUTOR, "document.change", "document_id"),
    Address(
        "DELETE", _DOCUMENT, Traffic.CHANGE, Role.CONTRIBUTOR, "document.delete", "document_id"
    ),
    _of_one("GET", "access", Traffic.ADMIN, Role.OPERATOR, "document.explain_access"),
    Address("GET", "/v1/admin/modes", Traffic.ADMIN, Role.OPERATOR, "modes.read"),
    Address("PUT", "/v1/admin/modes", Traffic.ADMIN, Role.OPERATOR, "modes.change"),
    Address("GET", "/v1/admin/incidents", Traffic.ADMIN, Role.OPERATOR, "incidents.read"),
    Address("PUT", "/v1/admin/incidents", Traffic.ADMIN, Role.OPERATOR, "incidents.change"),
    Address("GET", "/v1/admin/backups", Traffic.ADMIN, Role.OPERATOR, "backups.read"),
    Address("GET", "/v1/admin/audit", Traffic.ADMIN, Role.OPERATOR, "audit.read"),
)
"""The table."""

_PLAIN = {(each.method, each.path): each for each in ADDRESSES if "{" not in each.path}
_PATTERNS = tuple(each for each in ADDRESSES if "{" in each.path)


def speaks_openai(path: str) -> bool:
    """Whether callers of a path look for errors where OpenAI's API has them."""
    return path in {CHAT_PATH, MODELS_PATH} or path.startswith(f"{MODELS_PATH}/")


def methods_at(path: str) -> tuple[str, ...]:
    """Return the methods that a path takes; none where there is nothing."""
    return tuple(
        sorted(each.method for each in ADDRESSES if each.pattern.fullmatch(path) is not None)
    )


def address_of(method: str, path: str) -> tuple[Address | None, str]:
    """Return the address of a request and the target in its path; None where there is none."""
    # A HEAD is a GET whose answer stays unread.
    method = "GET" if method == "HEAD" else method
    known = _PLAIN.get((method, path))
    if known is not None:
        return known, ""
    for each in _PATTERNS:
        found = each.pattern.fullmatch(path) if each.method == method else None
        if found is not None:
            return each, found[each.target]
    return None, ""
