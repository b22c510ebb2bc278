"""The backend as the command line sees it: an HTTP client and nothing more.

What goes wrong on the wire becomes an error of our own tree here, with the words that a person
needs; no command sees the HTTP library.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from info_assistant.errors import (
    BackendUnavailable,
    Conflict,
    Forbidden,
    InfoAssistantError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    StoredDataInvalid,
    Unauthenticated,
    Unavailable,
)

type_of_status = {
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: PayloadTooLarge,
    429: RateLimited,
}
_SERVER_ERROR = 500
_CLIENT_ERROR = 400
_UNAUTHORIZED = 401
_TOO_MANY = 429


class Refused(Unavailable):
    """The backend is there but cannot serve this request now; waiting may help.

    `passages` are what it found for a question that it could not answer.
    """

    passages: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to repeat what may succeed later: refused connections, 429 and 5xx.

    `total_s` is the time after the first failure of a request in which it is repeated; 0 never
    repeats. Waits grow from `first_s` to `longest_s` seconds unless the server names a time.
    """

    total_s: float = 0.0
    first_s: float = 0.25
    longest_s: float = 15.0
    tell: Callable[[str], None] = field(default=lambda _message: None)

    def wait_s(self, attempt: int, error: InfoAssistantError) -> float:
        """Return how long to wait before repeating, with jitter so that clients spread out."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        grown = min(self.first_s * 2.0**attempt, self.longest_s)
        return float(grown * random.uniform(0.5, 1.0))  # noqa: S311  Jitter is no secret.


class Backend:
    """A connection to the backend at one URL."""

    def __init__(self, url: str, client: httpx2.AsyncClient, patience: Patience) -> None:
        """Speak to `url` through `client`, with `patience` for what may pass."""
        self._url = url
        self._client = client
        self._patience = patience
        self._not_before = 0.0

    async def call(self, method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401  JSON.
        """Return the JSON reply (None if there is none), repeating as patience allows.

        When the backend names a time to come back at, no request leaves before it. An open file
        among the arguments is sent from its beginning each time.

        Raises BackendUnavailable when nobody listens, Refused on 5xx and RateLimited on 429
        once patience is at an end, and the error that fits a 4xx at once.
        """
        first_failure: float | None = None
        attempt = 0
        while True:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            try:
                return await self._once(method, path, arguments)
            except (BackendUnavailable, Refused, RateLimited) as error:
                now = time.monotonic()
                first_failure = first_failure or now
                wait_s = self._patience.wait_s(attempt, error)
                if now + wait_s > first_failure + self._patience.total_s:
                    raise
                self._patience.tell(f"{error.message} Trying again in {wait_s:.0f} s.")
                if error.retry_after_s is not None:
                    self._not_before = max(self._not_before, now + wait_s)
                else:
                    await asyncio.sleep(wait_s)
                attempt += 1

    async def _once(self, method: str, path: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        try:
            response = await self._client.request(method, path, **arguments)
        except httpx2.TransportError as error:
            raise BackendUnavailable(
                f"The backend at {self._url} does not answer ({_reason(error)}). "
                "Start it with `info-assistant up`, or set BACKEND_URL to where it runs."
            ) from error
        if response.status_code >= _CLIENT_ERROR:
            raise _error_of(response)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise StoredDataInvalid(
                f"What answers at {self._url} is not the backend: its reply is not JSON. "
                "Check BACKEND_URL."
            ) from error


@asynccontextmanager
async def connect(
    url: str,
    api_key: str | None,
    *,
    patience: Patience | None = None,
    timeout_s: float = 60.0,
) -> AsyncIterator[Backend]:
    """Open a connection to the backend, as the caller whose key or token `api_key` is.

    No request takes longer than `timeout_s` seconds.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = httpx2.Timeout(timeout_s, connect=min(5.0, timeout_s))
    # A proxy set for the internet must not see, or break, what stays on this machine.
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=timeout, trust_env=False
    ) as client:
        yield Backend(url, client, patience or Patience())


def _reason(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectError):
        return "no connection"
    if isinstance(error, httpx2.TimeoutException):
        return "no reply in time"
    return "the connection broke"


def _error_of(response: httpx2.Response) -> InfoAssistantError:
    """Turn an error reply into our own error, in the backend's words where it gave some."""
    words = _words_of(response)
    wait_s = _retry_after_s(response)
    if response.status_code == _UNAUTHORIZED:
        return Unauthenticated(f"{words} The command line sends the key that API_KEY holds.")
    if response.status_code in type_of_status:
        return type_of_status[response.status_code](words, retry_after_s=wait_s)
    if response.status_code >= _SERVER_ERROR:
        refused = Refused(words, retry_after_s=wait_s)
        refused.passages = _passages_of(response)
        return refused
    return InvalidRequest(words)


def _words_of(response: httpx2.Response) -> str:
    try:
        problem = response.json()
        return str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return f"The backend answered {response.status_code} {response.reason_phrase}."


def _passages_of(response: httpx2.Response) -> Sequence[Mapping[str, Any]]:
    try:
        return tuple(response.json().get("passages") or ())
    except (ValueError, AttributeError, TypeError):
        return ()


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Read `Retry-After` in seconds; the form with a date is not sent by our backend."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
