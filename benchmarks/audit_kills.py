"""Kill a busy backend, again and again: is everything that it acknowledged in the audit trail?

A real backend with a real local Qdrant; clients hand in, read, remove and ask, each request under
an id of its own. Whatever was answered must be in the trail afterwards, with the action and the
outcome that the client was told, once; and each answer to a question must have its record.
`python -m benchmarks.audit_kills [--kills N]`
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import (
    KEY,
    await_ready,
    local_qdrant,
    running,
)
from benchmarks.harness.report import say
from benchmarks.harness.trials import run_kills

from info_assistant.drills.ports import unused_port

RESULT = Path(__file__).parent / "results" / "audit_kills.json"
CLIENTS = 6
ANSWERS = (5, 60)
"""How many requests a backend answers before it is killed, at least and at most."""

_LIFE_S = 120.0
_SIGKILL = -9
_UNNOTED = frozenset({"overloaded"})
_PAGE = 1000


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    return run_kills(__doc__, 50, lambda folder, kills: asyncio.run(trial(folder, kills)), RESULT)


@dataclass(slots=True)
class Witness:
    """What clients were told: action and outcome by request, and ids of answers."""

    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    broken: int = 0
    unnoted: int = 0

    def hear(self, request_id: str, action: str, response: httpx2.Response) -> None:
        """Note a whole answer."""
        refused = response.is_error
        outcome = str(response.json()["code"]) if refused else "done"
        if outcome in _UNNOTED:
            self.unnoted += 1
            return
        self.told[request_id] = (action, outcome)
        if action == "question.ask" and not refused:
            self.answers.append(str(response.json()["id"]))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the trial's backend runs."""

    folder: Path
    port: int
    qdrant_url: str

    @property
    def url(self) -> str:
        """The backend's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The backend's environment."""
        return {
            "DATA_DIR": str(self.folder),
            "BACKEND_PORT": str(self.port),
            "QDRANT_URL": self.qdrant_url,
            "QDRANT_API_KEY": KEY,
            "LOG_LEVEL": "WARNING",
        }


async def trial(folder: Path, kills: int) -> dict[str, Any]:
    """Kill a backend `kills` times under load and compare its trail with what clients heard."""
    witness = Witness()
    with local_qdrant(folder / "qdrant") as qdrant:
        place = Place(folder / "backend", unused_port(), qdrant.url)
        place.folder.mkdir()
        async with httpx2.AsyncClient(base_url=place.url, timeout=30, trust_env=False) as client:
            broken_by_kills = 0
            for number in range(kills):
                before = witness.broken
                await _serve_and_kill(place, client, witness, number)
                broken_by_kills += witness.broken > before
            return await _compared(place, client, witness) | {
                "kills": kills,
                "kills_that_cut_requests_off": broken_by_kills,
            }


async def _serve_and_kill(
    place: Place, client: httpx2.AsyncClient, witness: Witness, number: int
) -> None:
    async with _backend(place) as process, _clients(client, witness, number):
        enough = len(witness.told) + random.randint(*ANSWERS)  # noqa: S311  When is random.
        async with asyncio.timeout(_LIFE_S):
            while len(witness.told) < enough:  # noqa: ASYNC110  Answers set no event.
                await asyncio.sleep(random.uniform(0.001, 0.02))  # noqa: S311  The same.
        process.kill()
        code = await asyncio.to_thread(process.wait)
        if code != _SIGKILL:
            raise RuntimeError(f"the backend was not killed but ended with {code}")
    say(f"kill {number + 1}: {len(witness.told)} answers so far")


@asynccontextmanager
async def _backend(place: Place) -> AsyncIterator[Any]:
    """Run a backend, on the same folder as those before it."""
    log = place.folder / "backend.log"
    with running(["-m", "info_assistant", "serve"], place.settings, log) as process:
        await asyncio.to_thread(await_ready, process, f"{place.url}/readyz", log)
        yield process


@asynccontextmanager
async def _clients(
    client: httpx2.AsyncClient, witness: Witness, number: int
) -> AsyncIterator[None]:
    """Keep the backend busy until it is dead."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_keep_busy(client, witness, f"{number}-{each}"))
            for each in range(CLIENTS)
        ]
        yield
        # Each finds out by itself.
        await asyncio.wait(tasks, timeout=_LIFE_S)


async def _keep_busy(client: httpx2.AsyncClient, witness: Witness, name: str) -> None:
    """Do one thing after the other until there is nobody to do it."""
    known: list[str] = []
    for number in range(1_000_000):
        request_id = f"trial-{name}-{number}"
        action, request = _next(name, number, known)
        try:
            response = await client.send(
                client.build_request(**request, headers={"X-Request-Id": request_id})
            )
        except httpx2.TransportError:
            witness.broken += 1
            return
        witness.hear(request_id, action, response)
        if action == "document.upload" and response.is_success:
            known.append(str(response.json()["documents"][0]["id"]))


def _next(name: str, number: int, known: list[str]) -> tuple[str, dict[str, Any]]:
    """Return what to do next: its action and the request."""
    match number % 6:
        case 0 | 1:
            file = (f"{name}-{number}.txt", f"Leave of staff {name} lasts {number} days.")
            return "document.upload", _request("POST", "/v1/documents", files={"file": file})
        case 2 if known:
            return "document.show", _request("GET", f"/v1/documents/{known[-1]}")
        case 3:
            missing = "/v1/documents/00000000-0000-4000-8000-000000000000/text"
            return "document.read", _request("GET", missing)
        case 4 if known:
            return "document.delete", _request("DELETE", f"/v1/documents/{known.pop(0)}")
        case 5:
            question = {"question": f"How many days of leave does staff {name} have?"}
            return "question.ask", _request("POST", "/v1/query", json=question)
    return "document.list", _request("GET", "/v1/documents")


def _request(method: str, url: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  As httpx2.
    return {"method": method, "url": url, **more}


async def _compared(place: Place, client: httpx2.AsyncClient, witness: Witness) -> dict[str, Any]:
    """Start a backend once more and compare."""
    async with _backend(place):
        events = [each async for each in _trail(client)]
        found = {each["request_id"]: (each["action"], each["outcome"]) for each in events}
        missing = [each for each in witness.told if each not in found]
        different = [each for each, told in witness.told.items() if found.get(each, told) != told]
        unrecorded = [
            each
            for each in witness.answers
            if (await client.get(f"/v1/answers/{each}")).status_code != httpx2.codes.OK
        ]
    ids = [each["id"] for each in events]
    return {
        "acknowledged": len(witness.told),
        "acknowledged_by_action": dict(Counter(action for action, _ in witness.told.values())),
        "requests_cut_off": witness.broken,
        "turned_away": witness.unnoted,
        "events": len(events),
        "acknowledged_but_missing": missing,
        "told_otherwise": different,
        "events_twice": len(ids) - len(set(ids)),
        "answers": len(witness.answers),
        "answers_without_record": unrecorded,
        "holds": not (missing or different or unrecorded or len(ids) > len(set(ids))),
    }


async def _trail(client: httpx2.AsyncClient) -> AsyncIterator[Mapping[str, str]]:
    """Yield every event of the trail."""
    before: dict[str, str] = {}
    while True:
        reply = await client.get("/v1/admin/audit", params={"limit": str(_PAGE), **before})
        reply.raise_for_status()
        page = reply.json()
        for each in page["events"]:
            yield each
        if page["next"] is None:
            return
        before = {"before": page["next"]}


if __name__ == "__main__":
    sys.exit(main())
