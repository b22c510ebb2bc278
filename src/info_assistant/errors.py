"""Every error that the product raises on purpose.

InfoAssistantError
├── InvalidRequest                 the caller asked for something that makes no sense
│   ├── PayloadTooLarge            … or for too much of it
│   └── PersonalDataFound          … or wrote what is personal, where that is refused
├── Unauthenticated                nobody knows who is asking
├── Forbidden                      the caller is known and may not do this
│   └── DocumentLimitReached       … because their tenant keeps as many documents as it may
├── NotFound                       no such thing, or not for this caller
├── Conflict                       the thing changed meanwhile, or another holds it
│   ├── ModeSetByEnvironment       a switch cannot lift what the environment set
│   ├── ContradictoryModes         these modes exclude each other
│   └── ResumeElsewhere            an answer is being given by another process
├── Unreadable                     a document cannot be turned into text; its owner can mend that
├── Unavailable                    something we depend on does not answer; waiting helps
│   ├── VectorStoreUnavailable
│   ├── ObjectStorageUnavailable
│   ├── RedisUnavailable            the cache and what replicas share; `kind` says how
│   ├── EmbedderUnavailable
│   ├── ProviderError               one call to a language model failed; `kind` says how
│   ├── GenerationUnavailable       … and so did every other provider's
│   ├── IngestionUnavailable
│   │   └── IngestionPaused        people have paused the intake for a while
│   ├── IdentityProviderUnavailable
│   ├── RecordsUnavailable          what is done cannot be recorded, so nothing is changed
│   ├── Maintenance                people have closed the service for a while
│   ├── CacheOnlyMiss              only known answers are given, and this is none
│   ├── ShuttingDown               a process ends, or has ended, before it could finish
│   └── BackendUnavailable         seen from the command line and the page
├── TooBusy                        refused to protect those already being served
│   ├── RateLimited
│   ├── BudgetExhausted            … of the tenant, who has spent what it may this month
│   └── Overloaded
├── DeadlineExceeded               the time for this request is up
├── StoredDataInvalid              stored bytes are not what we wrote
└── Misconfigured                  a setting or the installation is wrong

A message says what happened, what it means for the user, and what to do. `code` is stable:
clients, metrics and the runbook rely on it. Only `api/problems.py` knows about HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from info_assistant.model.answer import Citation

from info_assistant.model.prompt import TokenUsage


class InfoAssistantError(Exception):
    """Root of the tree. `retry_after_s` is how long waiting is worthwhile, where that is known."""

    code = "internal"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """Carry a message for people and, where it applies, a time in seconds to wait."""
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidRequest(InfoAssistantError):
    """The request cannot be served as it stands."""

    code = "invalid_request"


class PayloadTooLarge(InvalidRequest):
    """The request is larger than its limit."""

    code = "payload_too_large"


class PersonalDataFound(InvalidRequest):
    """The question holds personal data, which this installation refuses."""

    code = "personal_data_found"


class Unauthenticated(InfoAssistantError):
    """The credentials are missing, unknown, expired or meant for somebody else.

    `code` says which: `unauthenticated` (none given), `invalid_token`, `token_expired`,
    `wrong_audience`, `invalid_api_key`, `api_key_expired`, `api_key_revoked`.
    """

    code = "unauthenticated"

    def __init__(self, message: str, *, code: str = "unauthenticated") -> None:
        """Carry the reason in words and as a stable code."""
        super().__init__(message)
        self.code = code


class Forbidden(InfoAssistantError):
    """The caller is known, and their role does not allow this."""

    code = "forbidden"


class DocumentLimitReached(Forbidden):
    """The tenant keeps as many documents as it may."""

    code = "document_limit_reached"


class NotFound(InfoAssistantError):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"


class Conflict(InfoAssistantError):
    """Another change came first, or another process holds the thing."""

    code = "conflict"


class ModeSetByEnvironment(Conflict):
    """The environment set this mode, and no switch can lift or change it."""

    code = "mode_set_by_environment"


class ContradictoryModes(Conflict):
    """These modes exclude each other."""

    code = "contradictory_modes"


class ResumeElsewhere(Conflict):
    """The answer is not recorded yet, and the process that gives it is another one."""

    code = "resume_elsewhere"


class AnswerUnderWay(Conflict):
    """The question was asked under this key a moment ago, and its answer is not finished."""

    code = "answer_under_way"


class Unreadable(InfoAssistantError):
    """A document cannot be read; `kind` says why in a word, the message in a sentence."""

    code = "unreadable_document"

    def __init__(self, kind: str, message: str) -> None:
        """Carry the kind: empty, encrypted, corrupt, too_large, unsupported, no_text, limits."""
        super().__init__(message)
        self.kind = kind


class ReaderBroken(Unreadable):
    """Reading a document came to no end: it brought the parser down or exceeded its limits.

    The document may be at fault, or the machine at that moment; another attempt tells.
    """


class Unavailable(InfoAssistantError):
    """A dependency does not answer."""

    code = "unavailable"


class VectorStoreUnavailable(Unavailable):
    """Qdrant does not answer, or answers with a fault of its own."""

    code = "vector_store_unavailable"


class ObjectStorageUnavailable(Unavailable):
    """Object storage cannot be read or written."""

    code = "object_storage_unavailable"


class RedisFault(StrEnum):
    """How Redis failed: what to do next differs."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    READ_ONLY = "read_only"
    LOADING = "loading"
    REFUSED = "refused"
    FULL = "full"
    BUSY = "busy"
    FAILED = "failed"


class RedisUnavailable(Unavailable):
    """Redis did not serve a request, by fault `kind`; everything goes on without it."""

    code = "redis_unavailable"

    def __init__(self, message: str, *, kind: RedisFault = RedisFault.FAILED) -> None:
        """Carry a message for people and what kind of fault it is."""
        super().__init__(message)
        self.kind = kind


class EmbedderUnavailable(Unavailable):
    """The embedding model cannot be loaded."""

    code = "embedder_unavailable"


class ProviderFault(StrEnum):
    """How a call to a language model failed; what follows is decided by this and nothing else."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    BAD_REQUEST = "bad_request"
    CONTENT_FILTERED = "content_filtered"
    TRUNCATED = "truncated"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FaultDetail:
    """What a failed call leaves behind.

    `usage` is what it is billed with where that is known: the provider's own count, or zero where
    no answer had begun; None means that it has to be estimated. `lasting` faults stay until
    somebody mends them, such as a wrong key. `ended` is true where the provider ended the text by
    its own word, so that nothing is wrong with it.
    """

    usage: TokenUsage | None = None
    lasting: bool = False
    ended: bool = False


class ProviderError(Unavailable):
    """One call to a language model failed, by fault `kind` of `provider`."""

    code = "provider_error"

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        kind: ProviderFault,
        retry_after_s: float | None = None,
        detail: FaultDetail | None = None,
    ) -> None:
        """Carry a message for people, who failed and how, and the provider's own time to wait."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.provider = provider
        self.kind = kind
        self.detail = detail or FaultDetail()


class GenerationUnavailable(Unavailable):
    """No provider could compose an answer; the passages that were found are shown instead.

    `passages` are those, as checked citations; the pipeline adds them.
    """

    code = "generation_unavailable"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        passages: "Sequence[Citation]" = (),
    ) -> None:
        """Carry a message for people, a time to wait, and what helps the reader meanwhile."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.passages = tuple(passages)


class IngestionUnavailable(Unavailable):
    """Documents are not taken in at the moment; questions go on."""

    code = "ingestion_unavailable"


class IngestionPaused(IngestionUnavailable):
    """The operators take no documents in for a while."""

    code = "ingestion_paused"


class IdentityProviderUnavailable(Unavailable):
    """The service where people sign in does not answer, and its keys are not known here."""

    code = "identity_provider_unavailable"


class RecordsUnavailable(Unavailable):
    """The local journal cannot be written, so what is done would leave no trace."""

    code = "records_unavailable"


class Maintenance(Unavailable):
    """The service is closed on purpose; the message is the operator's."""

    code = "maintenance"


class CacheOnlyMiss(Unavailable):
    """Only answers given before are served at the moment, and this question has none.

    `questions` are saved ones that resemble it, whose answers the asker may see.
    """

    code = "cache_only_miss"

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, questions: Sequence[str] = ()
    ) -> None:
        """Carry a message, and the questions that have an answer."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.questions = tuple(questions)


class ShuttingDown(Unavailable):
    """The process that was to finish this is told to end and its time is up, or it is gone."""

    code = "shutting_down"


class BackendUnavailable(Unavailable):
    """The backend cannot be reached."""

    code = "backend_unavailable"


class TooBusy(InfoAssistantError):
    """Refused to protect the requests already being served."""

    code = "too_busy"


class RateLimited(TooBusy):
    """This caller, or their tenant, has asked too often: `limit` is what passes at once."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: float | None = None, limit: int = 0) -> None:
        """Carry a message, the time to wait, and the limit where it is known."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.limit = limit


class BudgetExhausted(TooBusy):
    """The tenant's budget for this month might not cover this call to a language model."""

    code = "budget_exhausted"


class Overloaded(TooBusy):
    """More requests are waiting than can be served in time."""

    code = "overloaded"


class DeadlineExceeded(InfoAssistantError):
    """The time set for the request is up."""

    code = "deadline_exceeded"


class StoredDataInvalid(InfoAssistantError):
    """Stored bytes are not in a shape that we know."""

    code = "stored_data_invalid"


class Misconfigured(InfoAssistantError):
    """A setting or the installation is wrong."""

    code = "misconfigured"
