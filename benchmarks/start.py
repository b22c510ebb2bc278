"""Starting: from `info-assistant up` to the first answered question, and the memory at rest.

The library has 10,000 passages: the samples, taken in as always, and made-up documents that are
written straight to the stores. Every round is a start of its own over the same folder.
"""

import asyncio
import hashlib
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.corpus import File, samples
from benchmarks.harness.processes import KEY, await_true, local_qdrant
from benchmarks.harness.raw_embedder import document_of
from benchmarks.harness.report import Figure, Floor, Options, Report, conclude, options, say
from benchmarks.harness.seeded import PASSAGES_IN_DOCUMENT, SeededWorld
from benchmarks.harness.stack import Memory, running_stack
from benchmarks.harness.whole_way import Machinery, take_in

from info_assistant.ingestion.originals import original_key
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.model.passage import IndexedPassage
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.qdrant import QdrantStore

FIRST_ANSWER_S, IDLE_MB = 10.0, 700.0
_IDLE_S = 10.0
_PATIENCE_S = 120.0


def main() -> int:
    """Measure and report."""
    given = options(__doc__ or "")
    passages = 300 if given.quick else given.passages
    with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
        data_dir = Path(folder) / "data"
        say(f"Writing {passages:,} passages …")
        asyncio.run(prepare(data_dir, passages, quick=given.quick))
        return conclude(measured(given, data_dir, passages), given)


async def prepare(data_dir: Path, passages: int, *, quick: bool) -> None:
    """Fill a data folder: the samples first, then made-up documents up to `passages`."""
    embedder = MiniLmEmbedder()
    objects = str(data_dir / "objects")
    with local_qdrant(data_dir) as qdrant:
        async with SubprocessReader() as reader:
            machinery = Machinery(embedder, reader)
            real = await take_in(samples(quick=quick).files, machinery, objects, qdrant.url)
        blobs = ObjectBlobs(objects)
        store = QdrantStore(qdrant.url, KEY, embedder.identity)
        made = list(SeededWorld().passages(passages - real))
        for at in range(0, len(made), PASSAGES_IN_DOCUMENT):
            await _write(blobs, store, made[at : at + PASSAGES_IN_DOCUMENT])
        await store.close()
    embedder.close()


async def _write(blobs: ObjectBlobs, store: QdrantStore, indexed: list[IndexedPassage]) -> None:
    """Write one document as if it had come in: original, catalogue, passages, state."""
    data = "\n".join(each.passage.text for each in indexed).encode()
    source = indexed[0].passage.source
    document = document_of(File(source, data))
    content = replace(document.content, sha256=hashlib.sha256(data).hexdigest())
    document = replace(document, content=content)
    assert document.id == indexed[0].passage.document_id
    await blobs.put_new(original_key(document), data)
    await BlobCatalogue(blobs).commit(document)
    await store.passages.write(indexed)
    await store.board.put(
        DocumentStatus(document, DocumentState.READY, datetime.now(UTC), passages=len(indexed))
    )


def measured(given: Options, data_dir: Path, passages: int) -> Report:
    """Start, ask, rest, look, stop; once for each round."""
    question = samples(quick=False).questions[0]
    seconds: list[float] = []
    memories: list[list[Memory]] = []
    for number in range(given.rounds):
        with running_stack(data_dir) as stack:
            await_true(lambda stack=stack: stack.answers(question), _PATIENCE_S, "an answer")  # type: ignore[misc]
            seconds.append(time.perf_counter() - stack.began)
            threading.Event().wait(1 if given.quick else _IDLE_S)
            memories.append(stack.memory())
            assert stack.unsettled() == stack.count("failed") == 0
        total = sum(each.rss for each in memories[-1])
        say(f"Round {number + 1}: {seconds[-1]:.2f} s, {total:.0f} MB")
    return report(passages, seconds, memories)


def report(passages: int, seconds: list[float], memories: list[list[Memory]]) -> Report:
    """Put the rounds together; the promises are about the worst round."""
    rss = Figure("idle RSS of all", "MB", [sum(m.rss for m in round_) for round_ in memories])
    figures = [
        Figure("first answer", "s", seconds),
        rss,
        Figure("idle PSS of all", "MB", [sum(m.pss for m in round_) for round_ in memories]),
    ]
    for role in dict.fromkeys(memory.role for round_ in memories for memory in round_):
        for what in ("rss", "pss", "anonymous"):
            values = [sum(getattr(m, what) for m in r if m.role == role) for r in memories]
            figures.append(Figure(f"{role} {what}", "MB", values))
    return Report(
        "start",
        {"passages": f"{passages:,}", "rounds": len(seconds)},
        figures,
        [
            Floor("first answer, slowest start", "s", max(seconds), FIRST_ANSWER_S, "at most"),
            Floor("idle RSS of all, largest", "MB", max(rss.rounds), IDLE_MB, "at most"),
        ],
        ["RSS counts what processes share once for each of them; PSS counts it once."],
    )


if __name__ == "__main__":
    sys.exit(main())
