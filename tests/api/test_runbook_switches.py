"""Each `kubectl set env` of the runbook, by variable and by switch, on a running stack.

Whoever turns something on in an incident sees it at once in /health, in the metrics, in a header of
every answer and on the page, and the service does what the runbook says that it does.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.api.processes import Processes
from tests.redis_process import RedisProcess

from info_assistant.drills.providers import ProviderStandIn, running_providers
from info_assistant.drills.scripted_answers import quoting

pytestmark = [pytest.mark.stack, pytest.mark.model]

TEXT = "# Records\n\nTo request records, write to the records office. It answers in thirty days.\n"
KNOWN = "How do I request records?"
IN_FORCE_S = 30.0


@dataclass(frozen=True)
class Order:
    """A line of the runbook (see contract.md of the design) and what it does.

    `mode` is what /health and the metrics name, `header` what X-Served-Mode says. `new` and `known`
    are how a new question and one asked before end: a code, or the provider that answered; `upload`
    how a document is taken. `page` is the status of the first page, and `says` its words.
    """

    row: str
    variables: Mapping[str, str]
    mode: str
    header: str
    new: str
    known: str
    upload: str = "202"
    limiter: str = "shared"
    page: int = 200
    says: str = ""

    @property
    def value(self) -> object:
        """The value as /health tells it."""
        text = self.variables[self.mode]
        return {"true": True, "false": False}.get(text, text)

    @property
    def switches(self) -> Mapping[str, object]:
        """The same order at run time."""
        truth = {"true": True, "false": False}
        return {name: truth.get(value, value) for name, value in self.variables.items()}


ORDERS = (
    Order(
        "35 REDIS_ENABLED=false",
        {"REDIS_ENABLED": "false"},
        "REDIS_ENABLED",
        "REDIS_ENABLED=false",
        new="openai",
        known="openai",
        limiter="local",
    ),
    Order(
        "37 LLM_PROVIDER=anthropic",
        {"LLM_PROVIDER": "anthropic"},
        "LLM_PROVIDER",
        "LLM_PROVIDER=anthropic",
        new="anthropic",
        known="anthropic",
    ),
    Order(
        "38 CACHE_ONLY_MODE=true",
        {"CACHE_ONLY_MODE": "true"},
        "CACHE_ONLY_MODE",
        "CACHE_ONLY_MODE",
        new="503 cache_only_miss",
        known="hit",
    ),
    Order(
        "59 MAINTENANCE_MODE=true",
        {"MAINTENANCE_MODE": "true", "MAINTENANCE_MESSAGE": "Back at noon."},
        "MAINTENANCE_MODE",
        "MAINTENANCE_MODE",
        new="503 maintenance",
        known="503 maintenance",
        upload="503 maintenance",
        page=503,
        says="Back at noon.",
    ),
    Order(
        "INGESTION_PAUSED=true",
        {"INGESTION_PAUSED": "true"},
        "INGESTION_PAUSED",
        "INGESTION_PAUSED",
        new="openai",
        known="hit",
        upload="503 ingestion_paused",
    ),
)


@dataclass
class Running:
    """A backend with Redis, Qdrant, both providers and the page before it."""

    backend: Processes
    asked: int = 0
    taken: list[str] = field(default_factory=list)

    def ask(self, question: str = "") -> str:
        """Return who answered a question, a new one unless it is given, or why nobody did."""
        self.asked += 1
        reply = self.backend.ask(question or f"{KNOWN} {self.asked}")
        if not reply.is_success:
            return f"{reply.status_code} {reply.json()['code']}"
        served = reply.json()["served_by"]
        return "hit" if served["cache"] == "hit" else str(served["provider"])

    def upload(self) -> str:
        """Return how a document is taken."""
        self.asked += 1
        reply = self.backend.upload(f"drill-{self.asked}.md", f"# Drill {self.asked}\n\nText.\n")
        return f"{reply.status_code} {reply.json().get('code', '')}".strip()

    def health(self) -> dict[str, Any]:
        """Return what /health says."""
        body: dict[str, Any] = self.backend.client.get("/health").json()
        return body

    def page(self) -> httpx2.Response:
        """Open the first page."""
        port = self.backend.environment["FRONTEND_PORT"]
        with httpx2.Client(trust_env=False, timeout=30) as browser:
            return browser.get(f"http://127.0.0.1:{port}/")

    def warm(self) -> None:
        """Let all be well: limits are shared, and the known question has its answer."""
        self.backend.await_ready()
        well = lambda: self.health()["limiter"] == "shared"  # noqa: E731  It is short.
        self.backend.becomes(well, IN_FORCE_S, "limits are shared")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return the stack around the backend, which each test starts."""
    folder = tmp_path_factory.mktemp("runbook")
    redis = RedisProcess(folder / "redis")
    providers = [ProviderStandIn(name, script=quoting) for name in ("openai", "anthropic")]
    with ExitStack() as stack:
        redis.start()
        stack.callback(redis.stop)
        stack.enter_context(running_providers(*providers))
        backend = Processes(
            folder,
            REDIS_URL=redis.url,
            OPENAI_API_KEY="drill",
            OPENAI_BASE_URL=providers[0].url,
            ANTHROPIC_API_KEY="drill",
            ANTHROPIC_BASE_URL=providers[1].url,
            LLM_PRICES="*=1/2",
        )
        stack.callback(backend.client.close)
        stack.enter_context(backend.running("local-qdrant"))
        stack.enter_context(backend.running("frontend"))
        found = Running(backend)
        with backend.running("serve"):
            found.warm()
            backend.becomes(
                lambda: backend.upload("records.md", TEXT).status_code == 202, 30, "an upload"
            )
            backend.becomes(lambda: found.ask(KNOWN) == "openai", 60, "an answer")
        yield found


@contextmanager
def by_variable(running: Running, order: Order) -> Iterator[None]:
    """Set the variables, as a rollout does."""
    before = dict(running.backend.environment)
    running.backend.environment |= order.variables
    try:
        with running.backend.running("serve"):
            running.backend.await_ready()
            yield
    finally:
        running.backend.environment.clear()
        running.backend.environment |= before


def require_effect(running: Running, order: Order, source: str) -> None:
    """Everything that shows an order shows it, and what it orders is done."""
    backend = running.backend
    shown = {each["name"]: each for each in running.health()["modes"]}
    assert (shown[order.mode]["value"], shown[order.mode]["source"]) == (order.value, source)
    metrics = backend.client.get("/metrics").text
    assert f'mode_active{{mode="{order.mode}"}} 1.0' in metrics
    assert backend.client.get("/livez").headers["x-served-mode"] == order.header
    kind = lambda: running.health()["limiter"] == order.limiter  # noqa: E731  It is short.
    backend.becomes(kind, IN_FORCE_S, f"limits are {order.limiter}")
    assert running.ask() == order.new
    # Documents that came before the order may have changed what is found, and so what is known.
    known = lambda: running.ask(KNOWN) == order.known  # noqa: E731  It is short.
    backend.becomes(known, IN_FORCE_S, f"a known question ends in {order.known}")
    assert running.upload() == order.upload
    # The page asks for what is in force every few seconds.
    backend.becomes(lambda: running.page().status_code == order.page, IN_FORCE_S, "the page shows")
    assert order.says in running.page().text


@pytest.mark.parametrize("order", ORDERS, ids=[each.row for each in ORDERS])
def test_a_variable_does_what_the_runbook_says(running: Running, order: Order) -> None:
    """Set in the environment, it is in force from the start and shown as the environment's."""
    with by_variable(running, order):
        require_effect(running, order, "environment")


def test_a_switch_does_what_the_runbook_says(running: Running) -> None:
    """Thrown at run time, each is in force at once and shown with its reason, and then is gone."""
    backend = running.backend
    with backend.running("serve"):
        running.warm()
        for order in ORDERS:
            running.ask(KNOWN)
            thrown = {**order.switches, "reason": f"Runbook, {order.row}"}
            backend.client.put("/v1/admin/modes", json=thrown).raise_for_status()
            require_effect(running, order, "switch")
            assert running.health()["modes"][0]["reason"] == f"Runbook, {order.row}"
            lifted = {**dict.fromkeys(order.variables), "reason": "Over."}
            backend.client.put("/v1/admin/modes", json=lifted).raise_for_status()
            assert running.health()["modes"] == []
            assert running.ask() == "openai"
