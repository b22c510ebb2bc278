"""Collections that have grown are opened anew in a quiet moment, which packs them closely.

The engine keeps what it is told wherever there is room, point by point, and puts what it reads from
disk side by side. With 100,000 passages written since the start a search under a filter took 25 ms
for 10, and 2.6 GB were resident for 0.8.
"""

import asyncio
import logging
import threading
from contextlib import suppress
from pathlib import Path

from info_assistant.errors import InfoAssistantError
from info_assistant.local_qdrant.directory import Directory

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.5
_PIECE = 1024 * 1024


async def repack(directory: Directory) -> None:
    """Look after the collections of a directory for ever."""
    while True:
        await asyncio.sleep(_LOOK_S)
        for name in directory.loose:
            try:
                await _repack(directory, name)
            except InfoAssistantError as error:
                # It is gone or busy, or will say to whoever asks what is the matter with it.
                _LOG.warning("Collection %s was not packed: %s", name, error.message)


async def _repack(directory: Directory, name: str) -> None:
    async with directory.changing(name) as own:
        collection = directory.collection(own)
        # Whoever changed it while this waited for its turn may go on at once.
        if not collection.is_loose:
            return
        collection.open_anew()
        _LOG.info("Collection %s is packed: %d points", own, collection.points_count())
    enough = threading.Event()
    try:
        await asyncio.to_thread(_read, collection.folder, enough)
    finally:
        # The process ends only after its threads.
        enough.set()


def _read(folder: Path, enough: threading.Event) -> None:
    """Have a folder's files in the system's cache again, which lets go of them as they are closed.

    Otherwise the first to search would wait for the disk, page by page.
    """
    piece = bytearray(_PIECE)
    for path in folder.rglob("*"):
        # They come and go.
        with suppress(OSError), path.open("rb", buffering=0) as file:
            while not enough.is_set() and file.readinto(piece):
                pass
