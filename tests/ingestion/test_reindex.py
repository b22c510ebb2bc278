"""A new index is built beside the old one and takes its place: nobody notices."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from qdrant_client import AsyncQdrantClient
from tests.ingestion.conftest import SCOPE, Place

from info_assistant.ingestion.intake import Upload
from info_assistant.ingestion.reindex import Reindexer
from info_assistant.ingestion.worker import Tools
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.question import Filters

DOCUMENTS = 8
ROOT = Path(__file__).parents[2]


async def fill(place: Place) -> list[str]:
    """Take some documents in; return their ids."""
    ids = []
    for number in range(DOCUMENTS):
        text = f"Rule {number} about topic{number} says more."
        receipt = await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), f"{number}.txt"))
        ids.append(receipt.status.document.id)
    for each in ids:
        await place.until(each, DocumentState.READY)
    return ids


async def found(place: Place, words: str) -> dict[str, str]:
    """Return the passages that a question finds, by the ids of their documents."""
    question = await place.embedder.embed_question(words)
    candidates = await place.stores.passages.search(SCOPE, question, Filters(), 3)
    return {each.passage.document_id: each.passage.text for each in candidates}


async def names(place: Place) -> tuple[list[str], dict[str, str]]:
    """Return the collections of passages, and what the aliases lead to."""
    client = AsyncQdrantClient(url=place.process.url, check_compatibility=False)
    try:
        collections = [each.name for each in (await client.get_collections()).collections]
        aliases = {
            each.alias_name: each.collection_name for each in (await client.get_aliases()).aliases
        }
    finally:
        await client.close()
    return sorted(each for each in collections if each.startswith("passages")), aliases


@asynccontextmanager
async def asking(place: Place, words: str, document_id: str) -> AsyncIterator[list[int]]:
    """Ask all the time meanwhile; every answer has the document. Yields how often it was asked."""
    asked = [0]

    async def ask() -> None:
        while True:
            assert document_id in await found(place, words)
            asked[0] += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        asker = tasks.create_task(ask())
        yield asked
        before = asked[0]
        async with asyncio.timeout(60):
            while asked[0] < before + 3:  # noqa: ASYNC110 - it counts.
                await asyncio.sleep(0.01)
        asker.cancel()


@asynccontextmanager
async def reindexing(place: Place, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process that builds a new index; it waits for a line before each embedding."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.ingestion.reindex_process",
        str(folder),
        place.process.url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: asyncio.subprocess.Process) -> str:
    """Return the next word that a process says to us, among what it logs."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while said := (await process.stdout.readline()).decode().strip():
            if said.startswith("test: "):
                return said.removeprefix("test: ")
    raise AssertionError("the process ended")


async def go_on(process: asyncio.subprocess.Process) -> str:
    """Let a process embed, and return what it says next."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    await process.stdin.drain()
    return await line(process)


async def test_questions_are_answered_while_a_new_index_is_built_and_killed(
    place: Place, tmp_path: Path
) -> None:
    """Killed midway and started again it goes on, swaps at once, and follows what has changed."""
    async with place.working():
        ids = await fill(place)
        (old,), _ = await names(place)
        async with asking(place, "topic7", ids[7]) as asked:
            async with reindexing(place, tmp_path / "objects") as process:
                assert await line(process) == "embedding 1"
                for _ in range(3):
                    assert await go_on(process) == "embedding 1"
                process.kill()
            both, aliases = await names(place)
            assert len(both) == 2
            assert aliases["passages"] == old
            async with reindexing(place, tmp_path / "objects") as process:
                assert await line(process) == "embedding 1"
                # Under its hands one is deleted, one is replaced, one is new.
                await place.library.remove(LOCAL_OPERATOR, ids[0])
                changed = Upload(b"Rule 1 about apples now.", "1.txt")
                await place.intake.accept(LOCAL_OPERATOR, changed)
                await place.until(ids[1], DocumentState.READY, version=2)
                new = await place.intake.accept(LOCAL_OPERATOR, Upload(b"On pears.", "new.txt"))
                await place.until(new.status.document.id, DocumentState.READY)
                embedded = 1
                while (said := await go_on(process)) != "done":
                    assert said == "embedding 1"
                    embedded += 1
            # What the first run wrote, and what the worker wrote to both, is not embedded again.
            assert embedded <= DOCUMENTS - 3 + 1
        assert asked[0] > 10
        (now,), aliases = await names(place)
        assert now == f"{old}_g2"
        assert aliases["passages"] == now
        assert "passages_next" not in aliases
        counts = await place.stores.passages.counts()
        assert counts == dict.fromkeys([*ids[1:], new.status.document.id], 1)
        assert (await found(place, "apples"))[ids[1]] == "Rule 1 about apples now."
        assert new.status.document.id in await found(place, "pears")


async def test_a_second_time_makes_the_next_generation(place: Place) -> None:
    """Each index has a generation of its own; one that was left over is deleted."""
    tools = Tools(place.worker._tools.reader, place.embedder, place.embedder)
    async with place.working():
        await fill(place)
        for generation in ("_g2", "_g3"):
            assert await Reindexer(place.stores, tools, lambda *_: None).run() == DOCUMENTS
            (name,), _ = await names(place)
            assert name.endswith(generation)
    assert list(await place.stores.passages.leftovers()) == []


async def test_wiping_takes_every_generation(place: Place) -> None:
    """`drop` leaves no collection of passages, also not one that was being built."""
    async with place.working():
        await fill(place)
        await place.stores.passages.begin_successor()
        assert len((await names(place))[0]) == 2
    await place.stores.passages.drop()
    assert (await names(place))[0] == []
