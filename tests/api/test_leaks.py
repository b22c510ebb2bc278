"""Random tenants, groups, documents, changes and callers: nobody is shown what is not theirs.

Each case is one caller, one document (or one event of the trail) and one way to come by it, on real
backends with a real local Qdrant. What may be seen must be seen, too.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.qdrant_process import QdrantProcess
from tests.replicas import NamedCallers, Replica, caller, make_replica, serving

from info_assistant.model.document import document_id
from info_assistant.model.identity import Caller, Role

CASES = 10_000
EXAMPLES = 12
TENANTS, DOCUMENTS, CALLERS, RECORDS, FILTERS = 3, 9, 12, 3, 3
GROUPS = ("everyone", "hr", "it", "board")
QUESTION = "Common words here."
LOOKS = ("", "/text", "/original", "/versions", "/passages")
CLOSED = ("/text", "/original", "/passages")
"""What is closed to readers while a document is in quarantine."""
WAYS = ("", "/export", "/events")

pytestmark = pytest.mark.stack


@dataclass
class Held:
    """What a document should be: the truth that every answer is compared with."""

    id: str
    tenant: str
    source: str
    words: str
    access: frozenset[str]
    indexed: frozenset[str]
    """The groups that the index knows, which may be behind."""
    hold: str = ""
    """How it is held back: withdraw, quarantine, or not at all."""
    indexed_hold: str = ""
    alive: bool = True
    made_anew: bool = False

    def open_to(self, who: Caller) -> bool:
        """Whether a caller may see it."""
        return (
            self.alive
            and who.scope.tenant == self.tenant
            and not self.access.isdisjoint(who.scope.groups)
        )

    def quotable_to(self, who: Caller) -> bool:
        """Whether answers may show it to a caller."""
        return self.open_to(who) and not self.hold

    def listed_by(self, who: Caller) -> bool:
        """Whether a list must show it: it is visible and the board knows that."""
        return self.open_to(who) and not self.indexed.isdisjoint(who.scope.groups)

    def found_by(self, who: Caller) -> bool:
        """Whether a search must find it: it may be quoted and the index knows that."""
        return self.listed_by(who) and not (self.hold or self.indexed_hold)


@dataclass(frozen=True)
class Change:
    """A change of one document, taken by one of the replicas while the index listens or not."""

    document: int
    groups: frozenset[str]
    what: str
    replica: int
    behind: bool


@dataclass(frozen=True)
class Scenario:
    """One example."""

    documents: Sequence[tuple[int, frozenset[str]]]
    callers: Sequence[tuple[int, frozenset[str], Role]]
    changes: Sequence[Change]
    filters: Sequence[frozenset[int]]


@dataclass
class World:
    """Two backends, which run in a thread of their own, and the count of cases."""

    replicas: list[Replica]
    callers: NamedCallers
    loop: asyncio.AbstractEventLoop
    examples: int = 0
    cases: dict[str, int] = field(default_factory=dict)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run one example to its end."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def count(self, kind: str, cases: int = 1) -> None:
        """Count cases that were looked at."""
        self.cases[kind] = self.cases.get(kind, 0) + cases


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two running backends on one object storage and one Qdrant."""
    folder = tmp_path_factory.mktemp("world")
    qdrant = QdrantProcess(folder / "qdrant")
    qdrant.start()
    opened: list[World] = []
    ready, ends = threading.Event(), asyncio.Event()

    async def live() -> None:
        callers = NamedCallers()
        replicas = [_replica(folder, name, qdrant, callers) for name in "ab"]
        async with serving(replicas[0]), serving(replicas[1]):
            opened.append(World(replicas, callers, asyncio.get_running_loop()))
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert ready.wait(30)
    yield opened[0]
    opened[0].loop.call_soon_threadsafe(ends.set)
    thread.join(30)
    qdrant.stop()


def _replica(folder: Path, name: str, qdrant: QdrantProcess, callers: NamedCallers) -> Replica:
    return make_replica(folder / "objects", folder / name, qdrant.url, callers)


groups = st.frozensets(st.sampled_from(GROUPS), min_size=1, max_size=3)
tenants = st.integers(0, TENANTS - 1)
changes = st.builds(
    Change,
    document=st.integers(0, DOCUMENTS - 1),
    groups=groups,
    what=st.sampled_from(["open", "open", "remove", "withdraw", "quarantine", "restore"]),
    replica=st.integers(0, 1),
    behind=st.booleans(),
)
scenarios = st.builds(
    Scenario,
    documents=st.lists(st.tuples(tenants, groups), min_size=DOCUMENTS, max_size=DOCUMENTS),
    callers=st.lists(
        st.tuples(
            tenants,
            st.frozensets(st.sampled_from(GROUPS[1:]), max_size=2),
            st.sampled_from([Role.READER, Role.CONTRIBUTOR, Role.OPERATOR]),
        ),
        min_size=CALLERS,
        max_size=CALLERS,
    ),
    changes=st.lists(changes, min_size=3, max_size=8),
    filters=st.lists(
        st.frozensets(st.integers(0, DOCUMENTS - 1), min_size=1),
        min_size=FILTERS - 1,
        max_size=FILTERS - 1,
    ),
)


def test_nobody_is_shown_what_is_not_theirs(world: World) -> None:
    """At least 10,000 times: what is not theirs is not shown, what is theirs is not hidden."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # Each example takes seconds; the message names the leak.
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios)
    def holds(scenario: Scenario) -> None:
        world.examples += 1
        world.run(_Example(world, scenario).run())

    holds()
    assert set(world.cases) == {"search", "list", "document", "record", "audit"}
    assert sum(world.cases.values()) >= CASES, world.cases


class _Example:
    """One scenario, played and looked at from every side."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.scenario = scenario
        self.number = world.examples
        self.callers = [
            caller(f"{self._tenant(at)}-{n}", *own, tenant=self._tenant(at), role=role)
            for n, (at, own, role) in enumerate(scenario.callers)
        ]
        self.operators = [
            caller(f"{name}-operator", *GROUPS, tenant=name, role=Role.OPERATOR)
            for name in map(self._tenant, range(TENANTS))
        ]
        for each in (*self.callers, *self.operators):
            world.callers.known[each.subject] = each
        self.held: list[Held] = []

    def _tenant(self, at: int) -> str:
        return f"t{self.number}-{at}"

    def _operator(self, held: Held) -> str:
        return f"{held.tenant}-operator"

    async def run(self) -> None:
        here = self.world.replicas[0]
        await asyncio.gather(*(self._upload(n) for n in range(DOCUMENTS)))
        self.held.sort(key=lambda each: int(each.words.rsplit("x", 1)[1]))
        await self._index(here, *self.held)
        records = [await self._ask(here, who) for who in self.callers[:RECORDS]]
        for each in self.scenario.changes:
            await self._change(each)
        for replica in self.world.replicas:
            replica.let_index_fall_behind(behind=False)
            await replica.visibility.refresh()
        for n, who in enumerate(self.callers):
            replica = self.world.replicas[n % 2]
            await self._look_for(replica, who)
            await self._look_through_list(replica, who)
            await self._look_at_each(replica, who)
            await self._look_at_records(here, who, records)
        for who in (*self.callers, *self.operators):
            await self._look_at_trail(here, who)

    async def _upload(self, n: int) -> None:
        at, access = self.scenario.documents[n]
        # The same source in several tenants: nothing but the tenant tells them apart.
        tenant, source = self._tenant(at), f"{n // TENANTS}-{n}.txt" if n % 2 else f"same-{n}.txt"
        words = f"about{self.number}x{n}"
        held = Held(document_id(tenant, source), tenant, source, words, access, access)
        await self._send(held)
        self.held.append(held)

    async def _send(self, held: Held) -> None:
        response = await self.world.replicas[0].call(
            self._operator(held),
            "POST",
            "/v1/documents",
            files={"file": (held.source, self._text(held).encode())},
            data={"access": sorted(held.access)},
        )
        assert response.status_code == 202, response.text

    @staticmethod
    def _text(held: Held) -> str:
        again = " again" if held.made_anew else ""
        return f"Common words here {held.words}{again}."

    @staticmethod
    async def _index(replica: Replica, *several: Held) -> None:
        found = [await replica.stores.catalogue.latest(each.tenant, each.id) for each in several]
        await replica.index(*(each for each in found if each is not None))

    async def _change(self, change: Change) -> None:
        held, replica = self.held[change.document], self.world.replicas[change.replica]
        for each in self.world.replicas:
            each.let_index_fall_behind(behind=change.behind)
        path, who = f"/v1/documents/{held.id}", self._operator(held)
        if not held.alive:
            held.access = held.indexed = change.groups
            held.alive = held.made_anew = True
            held.hold = held.indexed_hold = ""
            held.words = f"{held.words}y"
            await self._send(held)
            await self._index(replica, held)
        elif change.what == "remove":
            assert (await replica.call(who, "DELETE", path)).status_code == 204
            held.alive = False
        else:
            if change.what == "open":
                body: dict[str, Any] = {"access": sorted(change.groups)}
                response = await replica.call(who, "PATCH", path, json=body)
                held.access = change.groups
            else:
                body = {} if change.what == "restore" else {"reason": "A drill."}
                response = await replica.call(who, "POST", f"{path}/{change.what}", json=body)
                held.hold = "" if change.what == "restore" else change.what
            assert response.status_code == 200, response.text
            if not change.behind:
                held.indexed, held.indexed_hold = held.access, held.hold

    def _check(
        self,
        told: str,
        who: Caller,
        must: Callable[[Held], bool],
        may: Callable[[Held, Caller], bool] = Held.quotable_to,
    ) -> None:
        for held in self.held:
            named = held.id in told or held.words in told
            assert may(held, who) or not named, f"LEAK: {held} was shown to {who}"
            assert named or not must(held), f"{held} was hidden from {who}"

    async def _ask(
        self, replica: Replica, who: Caller, chosen: frozenset[int] | None = None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"question": QUESTION, "include": ["passages"]}
        if chosen is not None:
            body["filters"] = {"document_ids": [self.held[n].id for n in sorted(chosen)]}
        response = await replica.call(who.subject, "POST", "/v1/query", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def _look_for(self, replica: Replica, who: Caller) -> None:
        for chosen in (None, *self.scenario.filters):
            answer = await self._ask(replica, who, chosen)
            wanted = {each.id for n, each in enumerate(self.held) if chosen is None or n in chosen}
            self._check(
                json.dumps(answer),
                who,
                lambda held, wanted=wanted: held.id in wanted and held.found_by(who),  # type: ignore[misc]
            )
            told = {each["document_id"] for each in (*answer["citations"], *answer["see_also"])}
            assert told <= wanted
            self.world.count("search", DOCUMENTS)

    async def _look_through_list(self, replica: Replica, who: Caller) -> None:
        response = await replica.call(who.subject, "GET", "/v1/documents", params={"limit": 1000})
        self._check(
            "\n".join(each["id"] for each in response.json()["documents"]),
            who,
            lambda held: held.listed_by(who),
            Held.open_to,
        )
        self.world.count("list", DOCUMENTS)

    async def _look_at_each(self, replica: Replica, who: Caller) -> None:
        for n, held in enumerate(self.held):
            look = LOOKS[(n + self.callers.index(who)) % len(LOOKS)]
            path = f"/v1/documents/{held.id}{look}"
            response = await replica.call(who.subject, "GET", path)
            expected = 200 if held.open_to(who) else 404
            if expected == 200 and held.hold == "quarantine" and look in CLOSED:
                expected = 403 if who.role is Role.READER else 200
            assert response.status_code == expected, (who, held, path)
            assert expected == 200 or held.words not in response.text
            self.world.count("document")

    async def _look_at_records(
        self, replica: Replica, who: Caller, records: list[dict[str, Any]]
    ) -> None:
        ways = [(each, way) for each in zip(self.callers, records, strict=False) for way in WAYS]
        for (asker, record), way in ways:
            response = await replica.call(who.subject, "GET", f"/v1/answers/{record['id']}{way}")
            theirs = who.scope.tenant == asker.scope.tenant and (
                who is asker or who.role is Role.OPERATOR
            )
            # An answer that might be given elsewhere at this moment is a conflict.
            refused = 409 if way == "/events" else 404
            assert response.status_code == (200 if theirs else refused), (who, asker, way)
            told = {each["document_id"] for each in (*record["citations"], *record["see_also"])}
            self._check(
                response.text if theirs else "",
                who,
                lambda held, told=told, theirs=theirs: (  # type: ignore[misc]
                    theirs and held.id in told and held.quotable_to(who) and not held.made_anew
                ),
            )
            self.world.count("record", DOCUMENTS)

    async def _look_at_trail(self, replica: Replica, who: Caller) -> None:
        response = await replica.call(who.subject, "GET", "/v1/admin/audit", params={"limit": 1000})
        if who.role is not Role.OPERATOR:
            assert response.status_code == 403
            self.world.count("audit")
            return
        events = response.json()["events"]
        for event in events:
            assert self.world.callers.known[event["actor"]].scope.tenant == who.scope.tenant
        uploads = sum(each["action"] == "document.upload" for each in events)
        mine = sum(each.tenant == who.scope.tenant for each in self.held)
        assert uploads >= mine
        self.world.count("audit", len(events))
