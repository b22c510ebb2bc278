"""Object storage that fails when a test says so."""

from collections.abc import AsyncIterator

from info_assistant.errors import ObjectStorageUnavailable
from info_assistant.ports import Payload
from info_assistant.stores.blobs import ObjectBlobs


class FailingBlobs(ObjectBlobs):
    """Object storage that is down while `down` is set; it counts the requests that failed."""

    down = False
    refused = 0
    listings = 0

    def _refuse_while_down(self) -> None:
        if self.down:
            self.refused += 1
            raise ObjectStorageUnavailable("down")

    async def put_new(self, key: str, data: Payload) -> bool:
        """Store bytes."""
        self._refuse_while_down()
        return await super().put_new(key, data)

    async def get(self, key: str) -> bytes:
        """Return bytes."""
        self._refuse_while_down()
        return await super().get(key)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """List names."""
        self._refuse_while_down()
        self.listings += 1
        async for key in super().keys(prefix):
            yield key

    async def folders(self, prefix: str) -> list[str]:
        """List folders."""
        self._refuse_while_down()
        return await super().folders(prefix)
