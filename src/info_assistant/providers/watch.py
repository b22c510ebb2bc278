"""What is seen of one provider while it is used: errors, its last success, its rate limits."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from info_assistant.errors import ProviderError
from info_assistant.observability.log import get_logger

LOG_PAUSE_S = 10.0
"""How long after a line about one kind of error no other one of that kind is written."""

_log = get_logger("providers")
_MOST_LIMITS = 20
_LONGEST_VALUE = 64


class ProviderWatch:
    """Counts and logs what one provider does. `event` is the text of its log line."""

    def __init__(
        self,
        event: str,
        *,
        now: Callable[[], datetime],
        on_error: Callable[[str], None] = lambda _kind: None,
    ) -> None:
        """Tell `on_error` the kind of each failed call."""
        self._event = event
        self._now = now
        self._on_error = on_error
        self._logged: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}
        self.last_success: datetime | None = None
        self.last_error: ProviderError | None = None
        self.rate_limits: Mapping[str, str] = {}
        """The headers about limits that came last, by name."""

    def succeeded(self) -> None:
        """Note an answer that came to its end."""
        self.last_success = self._now()
        self.last_error = None

    def succeeded_within(self, seconds: float) -> bool:
        """Return whether an answer came to its end so lately."""
        last = self.last_success
        return last is not None and (self._now() - last).total_seconds() <= seconds

    def failed(self, error: ProviderError) -> None:
        """Count and log a failed call or probe; in a storm, one line of a kind in ten seconds."""
        self.last_error = error
        kind = error.kind.value
        self._on_error(kind)
        now = time.monotonic()
        if now - self._logged.get(kind, -LOG_PAUSE_S) < LOG_PAUSE_S:
            self._unlogged[kind] = self._unlogged.get(kind, 0) + 1
            return
        self._logged[kind] = now
        more = self._unlogged.pop(kind, 0)
        _log.error(
            self._event,
            provider=error.provider,
            kind=kind,
            detail=error.message,
            **({"unlogged_before": more} if more else {}),
        )

    def saw_headers(self, headers: Mapping[str, str]) -> None:
        """Keep what a reply says of rate limits."""
        found = {
            name.lower(): value[:_LONGEST_VALUE]
            for name, value in headers.items()
            if "ratelimit" in name.lower() or name.lower() == "retry-after"
        }
        if found:
            self.rate_limits = dict(list(found.items())[:_MOST_LIMITS])
