"""A whole stack in a scratch place: its own folder, its own Qdrant, the ordinary way in.

It runs beside a running stack, or without one, and leaves nothing behind.
"""

import asyncio
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from info_assistant.answering.admit import readable_question
from info_assistant.errors import InfoAssistantError, VectorStoreUnavailable
from info_assistant.evaluation.run import DEPTH, Asked, Ranking
from info_assistant.ingestion.intake import Upload
from info_assistant.ingestion.rebuild import rebuild_qdrant
from info_assistant.model.answer import Citation
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.ids import new_id
from info_assistant.model.passage import Passage
from info_assistant.model.question import Filters, Question
from info_assistant.model.reading import Reading
from info_assistant.observability.log import configure_logging
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.deadline import REQUEST_SECONDS, Deadline
from info_assistant.settings import Settings
from info_assistant.wiring.application import Application, build

Progress = Callable[[str, int, int], None]
"""Called with a stage in words, and how many of how many are done."""


def _silently(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


START_S = 30.0
POLL_S = 0.2
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that did not become searchable, and why."""

    source: str
    reason: str


class ScratchStack:
    """A library that can be asked. Implements `evaluation.run.AskableStack`."""

    def __init__(self, application: Application) -> None:
        """Use the parts of an application."""
        self._application = application
        self._ids: dict[str, str] = {}
        self._readings: dict[str, Reading] = {}

    async def load(
        self, files: Mapping[str, bytes], progress: Progress = _silently
    ) -> tuple[Refused, ...]:
        """Take the files in by the ordinary way; return those that failed, with the reasons."""
        refused = []
        for done, (source, data) in enumerate(sorted(files.items()), 1):
            upload = Upload(data, Path(source).name, source, None, None)
            try:
                receipt = await self._application.intake.accept(LOCAL_OPERATOR, upload)
                self._ids[source] = receipt.status.document.id
            except InfoAssistantError as error:
                refused.append(Refused(source, error.message))
            progress("uploading", done, len(files))
        async for statuses in self._statuses():
            settled = [status for status in statuses if status.state.settled]
            progress("reading and indexing", len(settled), len(self._ids))
            if len(settled) >= len(self._ids):
                break
        failed = [status for status in statuses if status.state is DocumentState.FAILED]
        return (*refused, *(Refused(each.document.source, each.detail) for each in failed))

    async def _statuses(self) -> AsyncIterator[tuple[DocumentStatus, ...]]:
        """Yield the states of all documents, again and again."""
        while True:
            statuses: tuple[DocumentStatus, ...] = ()
            after: str | None = None
            while True:
                page = await self._application.library.page(
                    LOCAL_OPERATOR.scope, limit=PAGE, after=after
                )
                statuses += page.statuses
                after = page.next
                if after is None:
                    break
            yield statuses
            await asyncio.sleep(POLL_S)

    async def ask(self, question: str, *, without: Sequence[str] = ()) -> Asked:
        """Ask as a user would; `without` takes documents (by source) out of the library."""
        others = tuple(self._ids[source] for source in self._ids if source not in without)
        filters = Filters(document_ids=others if without else ())
        asked = Question(new_id(), question, LOCAL_OPERATOR, filters)
        async with Deadline.after(REQUEST_SECONDS).enforced("Answering the question"):
            answer = await self._application.pipeline.answer(asked)
        return Asked(answer, answer.evidence)

    async def alone(self, question: str, ranking: Ranking) -> Sequence[Passage]:
        """Return the ten best passages by one ranking alone."""
        vectors = await self._application.embedder.embed_question(readable_question(question))
        found = await self._application.qdrant.passages.search(
            LOCAL_OPERATOR.scope, vectors, Filters(), DEPTH, rank_by=ranking
        )
        return [candidate.passage for candidate in found]

    async def is_verbatim(self, citation: Citation) -> bool:
        """Whether the document's text has the quote at the place, and on the page, it names."""
        reading = await self._text_around(citation)
        start, end = citation.start - reading.begins, citation.end - reading.begins
        pages = {
            placed.block.page
            for placed in reading.placed()
            if placed.start < citation.end and citation.start < placed.end
        }
        return reading.text[start:end] == citation.quote and pages == {citation.passage.page}

    async def _text_around(self, citation: Citation) -> Reading:
        identity = citation.passage.document_id
        known = self._readings.get(identity)
        if (
            known
            and known.begins <= citation.start
            and citation.end <= known.begins + len(known.text)
        ):
            return known
        _, reading = await self._application.library.reading(
            LOCAL_OPERATOR.scope, identity, span=(citation.start, citation.end)
        )
        self._readings[identity] = reading
        return reading

    async def wipe_and_rebuild(self) -> int:
        """Empty Qdrant and make everything in it again; return the number of documents."""
        await self._application.qdrant.drop_projections()
        return await rebuild_qdrant(
            self._application.stores, SystemClock(), None, lambda _done, _total: None
        )


@asynccontextmanager
async def scratch_stack() -> AsyncIterator[ScratchStack]:
    """Start a stack of its own in a temporary folder, and take it away at the end."""
    async with scratch_place() as settings:
        configure_logging(settings.log_level)
        application = build(settings)
        await until_ready(application)
        async with application.running():
            yield ScratchStack(application)


@asynccontextmanager
async def scratch_place(parent: Path | None = None) -> AsyncIterator[Settings]:
    """Give the settings of an empty installation in a temporary folder, with a Qdrant of its own.

    The folder lies in `parent`, by default where the system keeps such things.
    """
    with tempfile.TemporaryDirectory(prefix="info-assistant-scratch-", dir=parent) as folder:
        port = _free_port()
        variables = {
            "DATA_DIR": folder,
            "QDRANT_URL": f"http://127.0.0.1:{port}",
            "QDRANT_API_KEY": secrets.token_urlsafe(32),
            "LOG_LEVEL": "ERROR",
            # Nobody pays for an evaluation, whoever is set up around it.
            "LLM_PROVIDER": "extractive",
        }
        async with _local_qdrant(variables):
            yield Settings.from_environment(variables)


@asynccontextmanager
async def _local_qdrant(variables: Mapping[str, str]) -> AsyncIterator[None]:
    """Run a local Qdrant as a process that ends with this one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "info_assistant", "local-qdrant", "--parent", str(os.getpid())),
        env={**os.environ, **variables},  # noqa: TID251 - Handed on, not read.
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def until_ready(application: Application) -> None:
    """Wait until the stack's Qdrant answers. Raises VectorStoreUnavailable after START_S."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            await application.qdrant.ping()
        except VectorStoreUnavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_S)
        else:
            return


def _free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
