"""A small installation with a few documents, a real local Qdrant and a folder for its backups."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.qdrant_process import QdrantProcess

from info_assistant.evaluation.scratch import ScratchStack
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.settings import Settings
from info_assistant.stores.backup.manifest import Manifest
from info_assistant.wiring.application import build
from info_assistant.wiring.backup import (
    RestoreOrder,
    RestoreOutcome,
    make_backup,
    restore_backup,
    shelf_of,
)

FILES = {
    f"{name}.md": f"# {name.title()} policy\n\nThe {name} allowance is {number} euros in a year, "
    f"and requests go to the {name} desk in writing.\n".encode()
    for number, name in enumerate(("travel", "parking", "training", "library"), 40)
}


def silently(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass
class Installation:
    """An installation in a folder; `backups` may be another one's."""

    folder: Path
    backups: Path

    def __post_init__(self) -> None:
        """Plan its Qdrant, which is not started yet."""
        self.qdrant = QdrantProcess(self.folder / "qdrant")

    @property
    def variables(self) -> Mapping[str, str]:
        """Its environment."""
        return {
            "DATA_DIR": str(self.folder),
            "QDRANT_URL": self.qdrant.url,
            "BACKUP_URL": str(self.backups),
            "LLM_PROVIDER": "extractive",
        }

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return Settings.from_environment(self.variables)

    def take_in(self, files: Mapping[str, bytes]) -> None:
        """Take files in and wait until they are ready."""

        async def load() -> None:
            application = build(self.settings)
            async with application.running():
                assert not await ScratchStack(application).load(files)
                wanted = set(files)
                async with asyncio.timeout(60):
                    while wanted - {  # noqa: ASYNC110  The board tells nobody.
                        each.document.source
                        async for each in application.stores.board.every()
                        if each.state is DocumentState.READY
                    }:
                        await asyncio.sleep(0.1)

        asyncio.run(load())

    def remove(self, source: str) -> None:
        """Delete a document."""

        async def delete() -> None:
            application = build(self.settings)
            async with application.running():
                page = await application.library.page(LOCAL_OPERATOR.scope, limit=100)
                (found,) = [e.document for e in page.statuses if e.document.source == source]
                await application.library.remove(LOCAL_OPERATOR, found.id)

        asyncio.run(delete())

    def back_up(self) -> Manifest:
        """Make a backup."""
        return asyncio.run(make_backup(self.settings, (), silently))

    def restore(self, backup_id: str | None = None, **order: str | bool) -> RestoreOutcome:
        """Bring a backup back."""
        wanted = RestoreOrder(backup_id, settle_s=0, **order)  # type: ignore[arg-type]
        return asyncio.run(restore_backup(self.settings, shelf_of(self.settings), wanted, silently))

    def searchable(self) -> dict[str, int]:
        """Return how many passages of each document are found, by its source."""

        async def look() -> dict[str, int]:
            application = build(self.settings)
            try:
                names = {
                    each.document.id: each.document.source
                    async for each in application.stores.board.every()
                }
                counts = await application.stores.passages.counts()
                return {names.get(key, key): count for key, count in counts.items()}
            finally:
                await application.close()

        return asyncio.run(look())

    def work_until_searchable(self, wanted: Mapping[str, int]) -> None:
        """Let workers run until these numbers of passages are found, by the document's source."""

        async def work() -> None:
            application = build(self.settings)
            async with application.running(), asyncio.timeout(120):
                while True:
                    names = {
                        each.document.id: each.document.source
                        async for each in application.stores.board.every()
                    }
                    counts = await application.stores.passages.counts()
                    if {names.get(key, key): count for key, count in counts.items()} == wanted:
                        return
                    await asyncio.sleep(0.1)

        asyncio.run(work())

    def objects(self) -> dict[str, bytes]:
        """Return all of its object storage, but the mark of a restore."""
        root = self.folder / "objects"
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and "system/restore/" not in path.as_posix()
        }
