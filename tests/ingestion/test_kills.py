"""Workers, parsers and the vector store are killed in the middle of things: nothing is lost."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from info_assistant.errors import NotFound, VectorStoreUnavailable
from info_assistant.ingestion.intake import Upload
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.observability.steps import Step

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place

SCOPE = LOCAL_OPERATOR.scope
ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
PLAN = (
    (Step.READING, "parser"),
    (Step.READING, "worker"),
    (Step.INDEX_BATCH, "worker"),
    (Step.INDEX_BATCH, "qdrant"),
    (Step.VERSION_SWAP, "worker"),
    (Step.VERSION_SWAP, "qdrant"),
)


@contextmanager
def worker(folder: Path, url: str, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a worker's process; its log is in `log`."""
    command = [sys.executable, "-m", "tests.ingestion.worker_process", str(folder), url]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def begun(log: Path, wanted: Step) -> None:
    """Return as soon as the log says that a step has begun."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for line in log.read_bytes().splitlines():  # noqa: ASYNC240  A small local file.
                if b'"Step begun"' in line and json.loads(line)["step"] == wanted.value:
                    return
            await asyncio.sleep(0.002)


async def kill(victim: str, process: "subprocess.Popen[bytes]", place: "Place") -> None:
    """Kill the worker, the children that parse for it, or the vector store."""
    if victim == "worker":
        process.kill()
        process.wait()
    elif victim == "parser":
        parsers: list[psutil.Process] = []
        async with asyncio.timeout(DEADLINE_S):
            while not parsers:
                await asyncio.sleep(0.001)
                parsers = psutil.Process(process.pid).children(recursive=True)
        for each in parsers:
            each.kill()
    else:
        place.process.stop()
        place.process.start()


@pytest.mark.parametrize(("step", "victim"), PLAN)
async def test_a_kill_inside_a_step_loses_nothing(
    own_place: "Place", tmp_path: Path, step: Step, victim: str
) -> None:
    """After a kill all documents come to `ready` by themselves, each once, bytes unharmed."""
    place, folder = own_place, tmp_path / "objects"
    place.process.start()
    texts = {f"{n}.txt": f"Number{n} is said here. " * (40 + n) for n in range(6)}
    texts["1.txt"] = texts["0.txt"]
    for name in texts:
        await place.intake.accept(LOCAL_OPERATOR, Upload(b"An old version.", name))
    receipts = {
        name: await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), name))
        for name, text in texts.items()
    }
    logs = [tmp_path / f"{n}.log" for n in range(2)]
    with ExitStack() as running:
        first = running.enter_context(worker(folder, place.process.url, logs[0]))
        await begun(logs[0], step)
        await kill(victim, first, place)
        gone = receipts.pop("1.txt").status.document
        await place.library.remove(LOCAL_OPERATOR, gone.id)
        running.enter_context(worker(folder, place.process.url, logs[1]))
        async with asyncio.timeout(DEADLINE_S):
            for receipt in receipts.values():
                await until_ready(place, receipt.status.document.id)
        counts = await place.stores.passages.counts()
    for name, receipt in receipts.items():
        document = receipt.status.document
        status, original = await place.library.original(SCOPE, document.id)
        data = await original.read()
        assert counts[document.id] == status.passages >= 1
        assert document.content.version == 2
        assert hashlib.sha256(data).hexdigest() == document.content.sha256
        assert data == texts[name].encode()
    with pytest.raises(NotFound):
        await place.library.status(SCOPE, gone.id)
    assert gone.id not in counts


async def until_ready(place: "Place", document_id: str) -> None:
    """Return once a document is ready; the vector store may be away meanwhile."""
    state = None
    while state is not DocumentState.READY:
        await asyncio.sleep(0.05)
        with suppress(VectorStoreUnavailable):
            state = (await place.library.status(SCOPE, document_id)).state
