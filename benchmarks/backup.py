"""How long a backup and its restore take, and how large it is. `python -m benchmarks.backup`.

An installation with made-up passages (`--passages`, 100,000 by default) in a local Qdrant, and one
original and catalogue entry a document, is backed up, backed up once more (what is new is nothing),
checked, and restored into an empty place. Times are wall-clock and processor seconds of the
command; the local Qdrant's are its own.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import KEY, cpu_ns, local_qdrant
from benchmarks.harness.report import machine, say
from benchmarks.harness.seeded import SeededWorld

from info_assistant.evaluation.verify_backup import BackupVerifier
from info_assistant.ingestion.references import keep_original
from info_assistant.model.document import Content, Document, DocumentState, DocumentStatus
from info_assistant.model.passage import IndexedPassage
from info_assistant.settings import Settings
from info_assistant.stores.qdrant import QdrantCopies
from info_assistant.wiring.backup import (
    RestoreOrder,
    grounded,
    make_backup,
    restore_backup,
    shelf_of,
)
from info_assistant.wiring.foundation import Foundation

RESULT = Path(__file__).parent / "results" / "backup.json"
_WRITTEN = 512


def main() -> int:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    passages: int = parser.parse_args().passages
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder), passages))
    outcome = found | {"date": time.strftime("%Y-%m-%d"), "machine": machine()}
    RESULT.write_text(json.dumps(outcome, indent=1) + "\n")
    print(RESULT.read_text())
    return 0 if found["passages_back"] == found["passages"] else 1


async def measured(folder: Path, passages: int) -> dict[str, Any]:
    """Back up, check and restore; return sizes in bytes and times in seconds."""
    found: dict[str, Any] = {"passages": passages}
    with local_qdrant(folder / "source") as qdrant:
        source = _settings(folder, "source", qdrant.url)
        async with grounded(source) as base:
            await _fill(base, passages)
        clock = _Clock(found, qdrant.pid)
        manifest = await clock.timed("backup", lambda: make_backup(source, (), _tell))
        again = await clock.timed("second_backup", lambda: make_backup(source, (), _tell))
        shelf = shelf_of(source)
        wrong = await clock.timed("checksums", lambda: BackupVerifier(shelf, _tell).check(again.id))
    with local_qdrant(folder / "target") as qdrant:
        target = _settings(folder, "target", qdrant.url)
        order = RestoreOrder(manifest.id, settle_s=0)
        clock = _Clock(found, qdrant.pid)
        await clock.timed("restore", lambda: restore_backup(target, shelf, order, _tell))
        found["passages_back"] = await QdrantCopies(qdrant.url, KEY).count("passages")
    return found | {
        "documents": manifest.counts["documents"],
        "objects": manifest.object_count,
        "size_bytes": manifest.size,
        "objects_bytes": manifest.object_bytes,
        "snapshots_bytes": sum(each.file.size for each in manifest.collections),
        "second_backup_new_pack_bytes": again.added_bytes,
        "checksums_wrong": wrong,
    }


class _Clock:
    """Notes wall-clock and processor time of what it times, and that of the local Qdrant."""

    def __init__(self, found: dict[str, Any], qdrant_pid: int) -> None:
        self._found = found
        self._pid = qdrant_pid

    async def timed(self, name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401  What it is.
        """Return what `work` returns."""
        began, cpu, theirs = time.monotonic(), time.process_time(), cpu_ns(self._pid)
        result = await work()
        self._found[f"{name}_s"] = round(time.monotonic() - began, 1)
        self._found[f"{name}_cpu_s"] = round(time.process_time() - cpu, 1)
        self._found[f"{name}_qdrant_cpu_s"] = round((cpu_ns(self._pid) - theirs) / 1e9, 1)
        say(f"{name}: {self._found[f'{name}_s']} s")
        return result


def _settings(folder: Path, name: str, qdrant_url: str) -> Settings:
    variables = {
        "DATA_DIR": str(folder / name),
        "BACKUP_URL": str(folder / "backups"),
        "QDRANT_URL": qdrant_url,
        "QDRANT_API_KEY": KEY,
    }
    return Settings.from_environment({**os.environ, **variables})  # noqa: TID251  Handed on.


async def _fill(base: Foundation, passages: int) -> None:
    """Store documents with their passages, as if they had been taken in."""
    world = SeededWorld()
    every = world.passages(passages)
    for number, group in enumerate(batched_passages(every, _WRITTEN)):
        await base.qdrant.passages.write(group)
        if number % 20 == 0:
            say(f"{number * _WRITTEN} of {passages} passages")
        for _, alike in groupby(group, key=lambda each: each.passage.document_id):
            await _store(base, list(alike))


def batched_passages(every: Any, size: int) -> Any:  # noqa: ANN401  An iterator of groups.
    """Yield groups of so many passages."""
    group: list[IndexedPassage] = []
    for each in every:
        group.append(each)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


async def _store(base: Foundation, group: list[IndexedPassage]) -> None:
    first = group[0].passage
    data = "\n\n".join(each.passage.text for each in group).encode()
    now = datetime.now(UTC)
    document = Document(
        id=first.document_id,
        tenant=first.tenant,
        source=first.source,
        title=first.title,
        revision=1,
        content=Content(1, hashlib.sha256(data).hexdigest(), len(data), "text/plain"),
        access=first.access,
        created_at=now,
        updated_at=now,
    )
    if await base.stores.catalogue.latest(document.tenant, document.id) is None:
        document = await keep_original(
            base.blobs, document, lambda key: base.blobs.put_new(key, data)
        )
        await base.stores.catalogue.commit(document)
        state = DocumentStatus(document, DocumentState.READY, now, passages=len(group))
        await base.qdrant.board.put(state)


def _tell(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


if __name__ == "__main__":
    sys.exit(main())
