"""Connections to providers, and the words for how they break. Both SDKs speak through httpx2."""

import httpx2

from info_assistant.errors import FaultDetail, ProviderError, ProviderFault
from info_assistant.providers.faults import NOTHING, Faults
from info_assistant.providers.streamed import CallLimits
from info_assistant.providers.watch import ProviderWatch

_MOST_CONNECTIONS, _MOST_IDLE = 200, 50
"""More at once than the breakers let through, so that nobody waits for a connection."""


def http_timeout(limits: CallLimits) -> httpx2.Timeout:
    """Return what bounds each single read; our own deadlines bound the whole."""
    patience_s = max(limits.first_word_s, limits.between_words_s)
    return httpx2.Timeout(patience_s, connect=limits.connect_s)


def http_client(timeout: httpx2.Timeout, watch: ProviderWatch) -> httpx2.AsyncClient:
    """Return connections of our own, whose replies `watch` sees; a key follows no redirect."""

    async def see(response: httpx2.Response) -> None:
        watch.saw_headers(response.headers)

    return httpx2.AsyncClient(
        timeout=timeout,
        limits=httpx2.Limits(
            max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_IDLE
        ),
        follow_redirects=False,
        event_hooks={"response": [see]},
    )


def connection_fault(faults: Faults, cause: BaseException | None, *, began: bool) -> ProviderError:
    """Return the error for a connection that failed by `cause`, or a stream that made no sense."""
    never = isinstance(cause, (httpx2.ConnectError, httpx2.ConnectTimeout))
    detail = FaultDetail(NOTHING) if never else None
    if isinstance(cause, httpx2.TimeoutException):
        return faults.of_kind(ProviderFault.TIMEOUT, "the connection was silent", detail)
    if began:
        return faults.of_kind(ProviderFault.TRUNCATED, "the connection broke")
    why = "no connection" if never else "the connection broke before an answer"
    return faults.of_kind(ProviderFault.REFUSED, why, detail)
