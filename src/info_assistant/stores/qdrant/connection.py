"""The connection to Qdrant: one client, and its faults in our own words."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from json import JSONDecodeError
from typing import TypeVar

import httpx
import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.api_client import SendAsync
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from info_assistant.errors import InvalidRequest, VectorStoreUnavailable
from info_assistant.stores.qdrant.transport import (
    Address,
    KeepAliveTransport,
    address_of,
    as_response,
    request_head,
)

WRITE_TIMEOUT_S = 30.0
"""How long a write may take: it is durable when it returns, and a busy disk takes its time."""

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
        """Remember where Qdrant is; nothing is opened before the first request.

        `url` may name several peers of a cluster, with commas between them.
        """
        self._url, *others = url.split(",")
        # Not `api_key=`, which warns about every server on loopback without TLS.
        self._headers = {"api-key": api_key} if api_key else {}
        # A server on the same machine or network: compressing costs more than sending.
        self._headers["accept-encoding"] = "identity"
        self._timeout_s = timeout_s
        self._on_error = on_error
        self._client: AsyncQdrantClient | None = None
        peers = [address_of(httpx.URL(each)) for each in others]
        self._transport = KeepAliveTransport(others=peers)
        self._heads: dict[str, tuple[Address, bytes]] = {}

    async def ask(
        self,
        request: Callable[[AsyncQdrantClient], Awaitable[_T]],
        *,
        timeout_s: float | None = None,
        may_exist: bool = False,
    ) -> _T:
        """Send a request within its deadline. Raises VectorStoreUnavailable, InvalidRequest.

        With `may_exist` a conflict is no fault of Qdrant's either: what is to be made is there.
        """
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await request(self._open())
        except UnexpectedResponse as exc:
            if may_exist and exc.status_code == HTTPStatus.CONFLICT:
                raise InvalidRequest(f"Qdrant has that already: {exc}") from exc
            raise self._refused(exc) from exc
        except (ApiException, QdrantException, *_NOT_JSON, OSError) as exc:
            raise self._failed(exc) from exc

    async def post(self, path: str, body: bytes, read: Callable[[bytes], _T]) -> _T:
        """Send JSON of our own making and return what `read` makes of the reply.

        It goes past the client, whose own way costs more than all else about a search; errors are
        the client's. Raises what `ask` raises, also where `read` raises ResponseHandlingException.
        """

        async def request(_: AsyncQdrantClient) -> _T:
            address, head = self._head(path)
            message = b"%b%d\r\n\r\n%b" % (head, len(body), body)
            reply = await self._transport.exchange(address, message)
            if reply.status != HTTPStatus.OK:
                raise UnexpectedResponse.for_response(as_response(reply))
            return read(reply.body)

        return await self.ask(request)

    async def close(self) -> None:
        """Close the connections; the next request opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _open(self) -> AsyncQdrantClient:
        if self._client is None:
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
                transport=self._transport,
                trust_env=False,
            )
            self._client.http.client.add_middleware(self._past_httpx)
        return self._client

    async def _past_httpx(self, request: httpx.Request, _: SendAsync) -> httpx.Response:
        """Take a request of the client's, without cookies, redirects and their like."""
        return await self._transport.handle_async_request(request)

    def _head(self, path: str) -> tuple[Address, bytes]:
        """Return where a POST of JSON goes, and its head up to the length of the body."""
        known = self._heads.get(path)
        if known is None:
            url = httpx.URL(f"{self._url.rstrip('/')}/{path}")
            headers = httpx.Headers({**self._headers, "content-type": "application/json"})
            head = request_head("POST", url, [(b"host", url.netloc), *headers.raw])
            known = address_of(url), head.removesuffix(b"\r\n") + b"content-length: "
            self._heads[path] = known
        return known

    def _refused(self, exc: UnexpectedResponse) -> Exception:
        if exc.status_code == HTTPStatus.NOT_FOUND:
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
