"""A backend whose answers are written by models on real sockets, and the bill of their calls."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.answering.conftest import Desk
from tests.api.conftest import Backend, serve
from tests.providers.models import PATIENT, Bench, bench
from tests.spending import RoundPrices, spend_log

from info_assistant.answering.compose import ComposedGenerator, ContextBudget
from info_assistant.answering.generate import Composing
from info_assistant.answering.grounding.grounder import Grounder
from info_assistant.answering.judge import ModelJudge
from info_assistant.answering.likeness import SentenceLikeness
from info_assistant.answering.recall import Memory
from info_assistant.api.services import ApiServices
from info_assistant.drills.provider_exchange import Script
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderThread
from info_assistant.drills.scripted_answers import quoting
from info_assistant.ingestion.sentences import sentences
from info_assistant.model.spend import SpendEvent
from info_assistant.observability.metrics import Metrics
from info_assistant.providers.accounted import AccountedModel
from info_assistant.providers.bm25 import TermVectors
from info_assistant.providers.failover import AUTO, FailoverModel, Route
from info_assistant.providers.streamed import CallLimits
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import RecordedLedger

ASKED = {"question": "May employees carry over five days of annual leave?"}
STREAMED = {"Accept": "text/event-stream"}
MOST_TOKENS = 60
"""What each answer may take, and so what a provider may charge."""

TERMS = TermVectors().terms


@dataclass(frozen=True)
class Place:
    """Where a test puts its backends: its small library, its folder, its stand-ins' thread."""

    desk: Desk
    services: ApiServices
    thread: ProviderThread
    folder: Path


PlaceOf = Callable[[str], Place]
"""Makes a place of its own by name."""


@pytest.fixture(scope="module")
def thread() -> Iterator[ProviderThread]:
    """Return a thread that runs stand-ins for providers of language models."""
    thread = ProviderThread()
    yield thread
    thread.stop()


@pytest.fixture
def place(desk: Desk, services: ApiServices, thread: ProviderThread, tmp_path: Path) -> PlaceOf:
    """Return a place of its own for each way to ask."""

    def of(name: str) -> Place:
        own = replace(services, metrics=Metrics())
        return Place(replace(desk), own, thread, tmp_path / name)

    return of


@dataclass(frozen=True)
class Writing:
    """A backend with the models that write its answers; `bill` holds each call that has ended."""

    backend: Backend
    bench: Bench
    routes: Sequence[Route]
    bill: Sequence[SpendEvent]

    def misbehave(self, number: int, behaviour: Behaviour) -> None:
        """Let one of the stand-ins misbehave."""
        self.bench.stand_ins[number].behaviour = behaviour
        if behaviour is Behaviour.REFUSED_PORT:
            self.bench.thread.hang_up(self.bench.stand_ins[number])


@dataclass(frozen=True)
class Ways:
    """How a test's backend is set up."""

    limits: Sequence[CallLimits] = (PATIENT, PATIENT)
    falls_back: bool = False
    preferred: Callable[[], str] = lambda: AUTO
    request_s: float = 10.0
    script: Script = quoting
    judged: bool = False


@asynccontextmanager
async def writing(
    place: Place, *providers: str, ways: Ways | None = None
) -> AsyncIterator[Writing]:
    """Serve answers by these providers, one behind the other, each call accounted for."""
    ways = ways or Ways()
    services = replace(
        place.services, limits=replace(place.services.limits, request_s=ways.request_s)
    )
    bill: list[SpendEvent] = []
    log = spend_log(ObjectBlobs(str(place.folder / "objects")), place.folder / "journals")
    ledger = RecordedLedger(log, RoundPrices(), NoBudgets(), on_end=bill.append)
    async with AsyncExitStack() as stack:
        await log.open()
        stack.push_async_callback(log.close)
        made = await stack.enter_async_context(
            bench(
                place.thread,
                *providers,
                limits=ways.limits,
                script=ways.script,
                on_error=services.metrics.provider_failed,
            )
        )
        routes = [replace(each, model=AccountedModel(each.model, ledger)) for each in made.routes()]
        model = FailoverModel(routes, preferred=ways.preferred)
        composing = Composing(
            ComposedGenerator(model, sentences, ContextBudget(answer_tokens=MOST_TOKENS)),
            Grounder(TERMS),
            SentenceLikeness(place.desk.embedder),
            ModelJudge(model) if ways.judged else None,
            model.in_use,
            ways.falls_back,
        )
        place.desk.change(
            composing=composing,
            recorder=services.metrics,
            records=services.answers,
            usage_of=ledger.of_request,
            memory=Memory(),
        )
        services = replace(services, pipeline=place.desk.pipeline)
        yield Writing(await stack.enter_async_context(serve(services)), made, routes, bill)


@dataclass
class Reply:
    """What a reader got: the last word, and what was streamed before it."""

    status: int
    body: Any
    cost: str | None = None
    names: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """The sentences since the last reset."""

    @property
    def code(self) -> str:
        """The code of the refusal, "" where there is none."""
        return str(self.body.get("code", ""))


async def asked_whole(backend: Backend) -> Reply:
    """Ask for the whole answer."""
    response = await backend.client.post("/v1/query", json=ASKED)
    return Reply(response.status_code, response.json(), response.headers.get("x-request-cost"))


async def asked_streamed(backend: Backend) -> Reply:
    """Ask for a stream, and read it to its end."""
    async with backend.client.stream("POST", "/v1/query", json=ASKED, headers=STREAMED) as response:
        reply = Reply(response.status_code, {})
        async for name, data in events(response.aiter_lines()):
            reply.names.append(name)
            if name == "reset":
                reply.told.clear()
            elif name == "sentence":
                reply.told.append(data["text"])
            elif name in {"final", "error"}:
                reply.body = data
    return reply


async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    """Yield name and data of each event as it arrives."""
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
