"""What the two ways (a question's and a document's) need from the outside world.

Stores and providers implement these protocols; only `wiring` knows both sides. Every method may
raise the errors that its docstring names, and none that belong to a vendor's library.
"""

from info_assistant.ports.answer_cache import AnswerCache, CorpusChanges
from info_assistant.ports.answers import (
    DraftBegun,
    Drafted,
    DraftEnded,
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
    BlockSink,
    Catalogue,
    ChangeFeed,
    DocumentBoard,
    DocumentFilter,
    Reader,
    StatusPage,
    Visibility,
)
from info_assistant.ports.events import EventLog, NumberedEvent
from info_assistant.ports.process import Clock, Probe
from info_assistant.ports.records import (
    AnswerArchive,
    AnswerRecords,
    AuditLog,
    AuditPage,
    ConversationTurns,
    FeedbackLog,
    FeedbackPage,
    KeepRecord,
    ReadershipLog,
    RecordPage,
    UnansweredLog,
)
from info_assistant.ports.search import Embedder, PassageIndex
from info_assistant.ports.spend import Budgets, Ledger, PriceList, Spending
from info_assistant.ports.storage import Blobs, FolderBlobs, Payload, SharedObject, SharedState

__all__ = [
    "Allowance",
    "AnswerArchive",
    "AnswerCache",
    "AnswerRecords",
    "AuditLog",
    "AuditPage",
    "Authenticator",
    "Blobs",
    "BlockSink",
    "Budgets",
    "Catalogue",
    "ChangeFeed",
    "Clock",
    "ConversationTurns",
    "CorpusChanges",
    "Credentials",
    "DocumentBoard",
    "DocumentFilter",
    "DraftBegun",
    "DraftEnded",
    "DraftSentence",
    "Drafted",
    "Embedder",
    "EventLog",
    "Evidence",
    "FeedbackLog",
    "FeedbackPage",
    "Finding",
    "FolderBlobs",
    "Generator",
    "Grounding",
    "Judge",
    "KeepRecord",
    "Ledger",
    "Likeness",
    "NumberedEvent",
    "PassageIndex",
    "Payload",
    "PriceList",
    "Probe",
    "RankedPassage",
    "RateLimiter",
    "Reader",
    "ReadershipLog",
    "RecordPage",
    "SharedObject",
    "SharedState",
    "Spending",
    "StatusPage",
    "TextModel",
    "TokenVerifier",
    "UnansweredLog",
    "VerifiedToken",
    "Visibility",
    "WrittenSentence",
]
