"""What goes wrong on the way to the backend, as errors of ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from info_assistant.errors import BackendUnavailable, DeadlineExceeded

_RETRY_SOON_S = 10.0


@asynccontextmanager
async def translated(timeout_s: float | None) -> AsyncIterator[None]:
    """Allow `timeout_s` in all, and turn the HTTP library's errors into ours."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout) as exc:
        raise DeadlineExceeded(
            "The question-answering service took too long.", retry_after_s=_RETRY_SOON_S
        ) from exc
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise BackendUnavailable(
            "The question-answering service cannot be reached.", retry_after_s=_RETRY_SOON_S
        ) from exc


def not_understood() -> BackendUnavailable:
    """Return the error for a reply that is in no known shape."""
    return BackendUnavailable(
        "The question-answering service gave a reply that this page does not understand. Both may "
        "be of different versions.",
        retry_after_s=_RETRY_SOON_S,
    )
