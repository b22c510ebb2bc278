"""From what a provider says to the class of its fault: docs/decisions/0015 as code.

Both vendors use the same words often enough for one table. Their sentences are never passed on:
they quote keys and requests.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

from info_assistant.errors import FaultDetail, ProviderError, ProviderFault
from info_assistant.model.prompt import TokenUsage

NOTHING = TokenUsage(0, 0)
"""What a call is billed with that was turned away before an answer began."""

LONGEST_RETRY_AFTER_S = 1e9

_BY_WORD: Mapping[str, ProviderFault] = {
    "insufficient_quota": ProviderFault.QUOTA,
    "billing_error": ProviderFault.QUOTA,
    "billing_hard_limit_reached": ProviderFault.QUOTA,
    "billing_not_active": ProviderFault.QUOTA,
    "content_filter": ProviderFault.CONTENT_FILTERED,
    "content_policy_violation": ProviderFault.CONTENT_FILTERED,
    "overloaded_error": ProviderFault.OVERLOADED,
    "rate_limit_error": ProviderFault.RATE_LIMITED,
    "rate_limit_exceeded": ProviderFault.RATE_LIMITED,
    "timeout_error": ProviderFault.TIMEOUT,
    "invalid_api_key": ProviderFault.REFUSED,
    "authentication_error": ProviderFault.REFUSED,
    "permission_error": ProviderFault.REFUSED,
    "model_not_found": ProviderFault.REFUSED,
    "not_found_error": ProviderFault.REFUSED,
}
"""Words that say more than a status; all that refuse need somebody who mends it."""

_BY_STATUS: Mapping[int, ProviderFault] = {
    401: ProviderFault.REFUSED,
    402: ProviderFault.QUOTA,
    403: ProviderFault.REFUSED,
    404: ProviderFault.REFUSED,
    408: ProviderFault.TIMEOUT,
    429: ProviderFault.RATE_LIMITED,
    504: ProviderFault.TIMEOUT,
}
_LASTING = frozenset({ProviderFault.QUOTA, ProviderFault.REFUSED})
_USED_UP = re.compile(r"credit balance|insufficient (quota|credit|balance)|exceeded your .*quota")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 300, 400, 500

_MEANING: Mapping[ProviderFault, str] = {
    ProviderFault.REFUSED: "does not take this call",
    ProviderFault.TIMEOUT: "did not answer in time",
    ProviderFault.RATE_LIMITED: "takes no more calls from us at the moment",
    ProviderFault.QUOTA: "takes no calls because the account is used up or not paid",
    ProviderFault.OVERLOADED: "cannot answer at the moment",
    ProviderFault.BAD_REQUEST: "found the request to be at fault",
    ProviderFault.CONTENT_FILTERED: "filtered the answer",
    ProviderFault.TRUNCATED: "ended its answer before it was complete",
    ProviderFault.CANCELLED: "was told to stop",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider said when it failed. `status` is 0 where there was none, or it was 200."""

    status: int = 0
    words: tuple[str, ...] = ()
    sentence: str = ""
    retry_after_s: float | None = None

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: Any) -> Self:  # noqa: ANN401  JSON.
        """Read a reply, whatever is in its body."""
        failed = status if status >= _REDIRECT else 0
        return replace(cls.of_body(body), status=failed, retry_after_s=retry_after_s(headers))

    @classmethod
    def of_body(cls, body: Any) -> Self:  # noqa: ANN401  JSON.
        """Read the error object in a body, or the body itself if it is one."""
        error = body.get("error", body) if isinstance(body, Mapping) else None
        if not isinstance(error, Mapping):
            return cls()
        words = (str(error.get(name) or "") for name in ("code", "type"))
        sentence = str(error.get("message") or "")[:500].lower()
        return cls(words=tuple(filter(_WORD.fullmatch, words)), sentence=sentence)

    @property
    def kind(self) -> ProviderFault:
        """The class of the fault."""
        if _USED_UP.search(self.sentence):
            return ProviderFault.QUOTA
        for word in self.words:
            if word in _BY_WORD:
                return _BY_WORD[word]
        return self._by_status()

    def _by_status(self) -> ProviderFault:
        if self.status in _BY_STATUS:
            return _BY_STATUS[self.status]
        if _REDIRECT <= self.status < _CLIENT_ERROR:
            return ProviderFault.REFUSED
        client = _CLIENT_ERROR <= self.status < _SERVER_ERROR
        if client or (not self.status and "invalid_request_error" in self.words):
            return ProviderFault.BAD_REQUEST
        return ProviderFault.OVERLOADED


@dataclass(frozen=True, slots=True)
class Faults:
    """Makes the errors of one provider. `label` is its name in sentences."""

    provider: str
    label: str

    def of_reply(self, reply: Reply, *, began: bool) -> ProviderError:
        """Return the error for what the provider said; `began` once an answer was on its way."""
        kind = reply.kind
        named = ", ".join(filter(None, (str(reply.status or ""), *reply.words)))
        return ProviderError(
            f"{self.label} {_MEANING[kind]}{f' ({named})' if named else ''}.",
            provider=self.provider,
            kind=kind,
            retry_after_s=reply.retry_after_s,
            detail=FaultDetail(None if began else NOTHING, lasting=kind in _LASTING),
        )

    def of_kind(
        self, kind: ProviderFault, why: str, detail: FaultDetail | None = None
    ) -> ProviderError:
        """Return the error for what was seen on the wire, in our words."""
        return ProviderError(
            f"{self.label} {_MEANING[kind]}: {why}.",
            provider=self.provider,
            kind=kind,
            detail=detail,
        )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a provider asks to wait, in seconds, or None where it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * unit
        except ValueError:
            seconds = _until(value)
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)
    return None


def _until(value: str) -> float:
    """Return the seconds until an HTTP date, NaN if it is none."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return math.nan
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


def json_of(raw: bytes) -> Any:  # noqa: ANN401  JSON.
    """Return a body as JSON, None if it is none."""
    try:
        return json.loads(raw)
    except ValueError:
        return None
