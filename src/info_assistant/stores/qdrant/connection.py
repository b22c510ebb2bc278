"""The connection to Qdrant: one client, and its faults in our own words."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from json import JSONDecodeError
from typing import TypeVar

import httpx
import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.api_client import AsyncMiddlewareT, SendAsync
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from info_assistant.errors import InvalidRequest, VectorStoreUnavailable
from info_assistant.stores.qdrant.transport import KeepAliveTransport

WRITE_TIMEOUT_S = 30.0
"""How long a write may take: it is durable when it returns, and a busy disk takes its time."""

_HTTP_NOT_FOUND = 404
_HTTP_BAD_REQUESTS = frozenset({400, 413, 422})
_CONNECTIONS = 32
_NOT_JSON = (JSONDecodeError, UnicodeDecodeError)
"""What the client lets through when something else answers in Qdrant's place."""

_LOG = structlog.get_logger(__name__)
_T = TypeVar("_T")


class CollectionMissing(Exception):
    """Qdrant does not know the collection; it is made anew and the request repeated."""


class Connection:
    """One client for the whole process, whose every fault becomes VectorStoreUnavailable."""

    def __init__(
        self, url: str, api_key: str | None, timeout_s: float, on_error: Callable[[], None]
    ) -> None:
        """Remember where Qdrant is; nothing is opened before the first request."""
        self._url = url
        # Not `api_key=`, which warns about every server on loopback without TLS.
        self._headers = {"api-key": api_key} if api_key else {}
        # A server on the same machine or network: compressing costs more than sending.
        self._headers["accept-encoding"] = "identity"
        self._json = httpx.Headers({**self._headers, "content-type": "application/json"})
        self._timeout_s = timeout_s
        self._on_error = on_error
        self._client: AsyncQdrantClient | None = None

    async def ask(
        self,
        request: Callable[[AsyncQdrantClient], Awaitable[_T]],
        *,
        timeout_s: float | None = None,
    ) -> _T:
        """Send a request within its deadline. Raises VectorStoreUnavailable, InvalidRequest."""
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await request(self._open())
        except UnexpectedResponse as exc:
            raise self._refused(exc) from exc
        except (ApiException, QdrantException, *_NOT_JSON, TimeoutError) as exc:
            raise self._failed(exc) from exc

    async def post(self, path: str, body: bytes, reply: type[_T]) -> _T:
        """Send JSON of our own making and return the reply as `reply`. Raises what `ask` raises.

        It leaves through the client as every request does, its errors are the client's; only the
        request is not put together anew each time.
        """

        def request(client: AsyncQdrantClient) -> Awaitable[_T]:
            api = client.http.client
            url = _url(api.host, path)
            length = (b"content-length", b"%d" % len(body))
            headers = [(b"host", url.netloc), *self._json.raw, length]
            # As a stream it is sent as it is; httpx would complete the headers of a `content`.
            stream = httpx.ByteStream(body)
            return api.send(httpx.Request("POST", url, headers=headers, stream=stream), reply)

        return await self.ask(request)

    async def close(self) -> None:
        """Close the connections; the next request opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _open(self) -> AsyncQdrantClient:
        if self._client is None:
            # httpx's own transport also speaks TLS.
            transport = None if self._url.startswith("https:") else KeepAliveTransport()
            self._client = AsyncQdrantClient(
                url=self._url,
                headers=self._headers,
                # The deadline in `ask` is the one that counts; this one bounds a long write.
                timeout=int(WRITE_TIMEOUT_S),
                # It would ask the server from a thread while we are being built.
                check_compatibility=False,
                # The client's default for loopback opens a connection for each request.
                limits=httpx.Limits(
                    max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS
                ),
                transport=transport,
                trust_env=False,
            )
            if transport is not None:
                self._client.http.client.add_middleware(_straight_to(transport))
        return self._client

    def _refused(self, exc: UnexpectedResponse) -> Exception:
        if exc.status_code == _HTTP_NOT_FOUND:
            return CollectionMissing(str(exc))
        if exc.status_code in _HTTP_BAD_REQUESTS:
            return InvalidRequest(f"Qdrant refused a request of ours: {exc}")
        return self._failed(exc)

    def _failed(self, exc: Exception) -> VectorStoreUnavailable:
        source = getattr(exc, "source", exc)
        _LOG.warning(
            "Qdrant connection error",
            url=self._url,
            error=type(source).__name__,
            detail=str(source)[:300],
        )
        self._on_error()
        return VectorStoreUnavailable(
            "The search service (Qdrant) does not answer, so documents can neither be searched nor "
            "changed. Nothing is lost. Try again in a moment, or see /health.",
            retry_after_s=5,
        )


def _straight_to(transport: httpx.AsyncBaseTransport) -> AsyncMiddlewareT:
    """Return the client's last step: the transport, without cookies, redirects and their like."""

    async def send(request: httpx.Request, _: SendAsync) -> httpx.Response:
        try:
            return await transport.handle_async_request(request)
        except OSError as exc:
            raise ResponseHandlingException(exc) from exc

    return send


@lru_cache(maxsize=64)
def _url(host: str, path: str) -> httpx.URL:
    # Taking an address apart costs more than sending a request to it.
    return httpx.URL(f"{host.rstrip('/')}/{path}")
