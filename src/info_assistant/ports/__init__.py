"""What the two ways (a question's and a document's) need from the outside world.

Stores and providers implement these protocols; only `wiring` knows both sides. Every method may
raise the errors that its docstring names, and none that belong to a vendor's library.
"""

from info_assistant.ports.answers import (
    AnswerCache,
    DraftSentence,
    Evidence,
    Finding,
    Generator,
    Grounding,
    Judge,
    Likeness,
    RankedPassage,
    TextModel,
    WrittenSentence,
)
from info_assistant.ports.callers import (
    Allowance,
    Authenticator,
    Credentials,
    RateLimiter,
    TokenVerifier,
    VerifiedToken,
)
from info_assistant.ports.documents import (
    Catalogue,
    ChangeFeed,
    DocumentBoard,
    Reader,
    StatusPage,
    Visibility,
)
from info_assistant.ports.process import Clock, Probe
from info_assistant.ports.records import AnswerRecords, AuditLog, AuditPage
from info_assistant.ports.search import Embedder, PassageIndex
from info_assistant.ports.spend import Ledger
from info_assistant.ports.storage import Blobs, SharedObject, SharedState

__all__ = [
    "Allowance",
    "AnswerCache",
    "AnswerRecords",
    "AuditLog",
    "AuditPage",
    "Authenticator",
    "Blobs",
    "Catalogue",
    "ChangeFeed",
    "Clock",
    "Credentials",
    "DocumentBoard",
    "DraftSentence",
    "Embedder",
    "Evidence",
    "Finding",
    "Generator",
    "Grounding",
    "Judge",
    "Ledger",
    "Likeness",
    "PassageIndex",
    "Probe",
    "RankedPassage",
    "RateLimiter",
    "Reader",
    "SharedObject",
    "SharedState",
    "StatusPage",
    "TextModel",
    "TokenVerifier",
    "VerifiedToken",
    "Visibility",
    "WrittenSentence",
]
