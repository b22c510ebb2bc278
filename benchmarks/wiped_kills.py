"""Kill a backend and wipe its disk, again and again, while Redis is down: what of its bill is lost?

Real backends answer with a model (a stand-in that counts for itself) and share object storage. Each
is killed at a random moment and loses its disk. Of what the provider counted, calls of the last 5 s
may be missing in the ledger, and none before; each lost writer must be told as a gap whose bound
covers what is missing. Then Redis comes back, is wiped and rebuilt: the totals must be the
ledger's. `python -m benchmarks.wiped_kills [--kills N]`
"""

import asyncio
import random
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import KEY, await_ready, local_qdrant, running
from benchmarks.harness.report import say
from benchmarks.harness.trials import run_kills
from benchmarks.harness.wiped import Call, CountingProvider, Ledger, Totals, matched

from info_assistant.drills.ports import unused_port
from info_assistant.drills.providers import running_providers

RESULT = Path(__file__).parent / "results" / "wiped_kills.json"
LIFE_S = (1.0, 10.0)
"""How long a backend gives answers before it is killed, at least and at most."""

LOST_S = 5.0
"""Of this long before a kill, calls may be missing."""

CLIENTS = 3
SENTENCES = "Employees carry over five days of annual leave. Leave is asked for in writing."
_QUESTION = "How many days of annual leave do employees carry over?"
_BUDGET = ("tenants", "set-limits", "default", "--budget-usd", "500")
_WATCHED_S = 120.0
_TOTALS_S = 60.0


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    return run_kills(__doc__, 50, lambda folder, kills: asyncio.run(trial(folder, kills)), RESULT)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a backend runs: its own disk, and what all share."""

    shared: Path
    disk: Path
    port: int
    qdrant_url: str
    provider_url: str
    redis_port: int

    @property
    def url(self) -> str:
        """The backend's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The backend's environment."""
        return {
            "DATA_DIR": str(self.disk),
            "BLOB_URL": (self.shared / "objects").as_uri(),
            "BACKEND_PORT": str(self.port),
            "QDRANT_URL": self.qdrant_url,
            "QDRANT_API_KEY": KEY,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}",
            "OPENAI_API_KEY": "drill",
            "OPENAI_BASE_URL": self.provider_url,
            "LOG_LEVEL": "WARNING",
        }


@dataclass(slots=True)
class Life:
    """One backend's life: when it was killed, by the clock that provider and ledger use as well."""

    began: float
    killed: float = 0.0


@dataclass(slots=True)
class _Found:
    """What became of all lives."""

    lost: list[float] = field(default_factory=list)
    lost_too_early: list[float] = field(default_factory=list)
    lives_with_loss: int = 0
    beyond_bound: int = 0


async def trial(
    folder: Path, kills: int, *, observed: bool = True, life_s: tuple[float, float] = LIFE_S
) -> dict[str, Any]:
    """Kill and wipe `kills` backends; `observed`, another one lives on and tells of the gaps."""
    provider, lives = CountingProvider(), []
    async with AsyncExitStack() as stack:
        qdrant = stack.enter_context(local_qdrant(folder / "qdrant"))
        stack.enter_context(running_providers(provider.stand_in))
        shared = (folder, qdrant.url, provider.stand_in.url, unused_port())
        keeper = _place(*shared, "keeper")
        await _run(keeper, *_BUDGET)
        if observed:
            await stack.enter_async_context(_backend(keeper))
        for number in range(kills):
            victim = _place(*shared, f"victim-{number}")
            seconds = random.uniform(*life_s)  # noqa: S311  When is random.
            lives.append(await _live_and_die(victim, seconds, with_document=number == 0))
            if number % 5 == 0:
                say(f"kill {number + 1}: {len(provider.calls)} calls so far")
        ledger = await Ledger.read(folder / "objects", folder / "reader")
        gaps = await (_observed_gaps(keeper, kills) if observed else ledger.gaps())
        totals = await _rebuilt(keeper, folder, ledger)
    found = _compared(lives, provider.calls, ledger, gaps)
    outcome = {
        "kills": len(lives),
        "calls_that_the_provider_counted": len(provider.calls),
        "events_in_the_ledger": len(ledger.events),
        "calls_lost": len(found.lost),
        "lives_that_lost_some": found.lives_with_loss,
        "oldest_lost_call_s_before_the_kill": max(found.lost, default=0.0),
        "lost_earlier_than_5_s_before": found.lost_too_early,
        "gaps_told": len(gaps),
        "lives_that_lost_more_than_their_gap_says": found.beyond_bound,
        **totals,
    }
    outcome["holds"] = (
        not found.lost_too_early
        and not found.beyond_bound
        and len(gaps) == kills
        and totals["totals_equal_after_rebuild"]
        and totals["totals_equal_after_a_second_flush"] is not False
    )
    return outcome


def _place(folder: Path, qdrant: str, provider: str, redis_port: int, name: str) -> Place:
    disk = folder / name
    disk.mkdir(exist_ok=True)
    return Place(folder, disk, unused_port(), qdrant, provider, redis_port)


async def _live_and_die(place: Place, seconds: float, *, with_document: bool) -> Life:
    """Let a backend answer for a while, kill it and wipe its disk."""
    async with _backend(place) as process:
        async with httpx2.AsyncClient(base_url=place.url, timeout=30, trust_env=False) as client:
            if with_document:
                await _hand_in(client)
            life = Life(time.time())
            async with asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(_ask_until_it_is_gone(client))
                await asyncio.sleep(seconds)
                process.kill()
                life.killed = time.time()
        code = await asyncio.to_thread(process.wait)
        if code != -signal.SIGKILL:
            raise RuntimeError(f"the backend was not killed but ended with {code}")
    shutil.rmtree(place.disk)
    return life


async def _hand_in(client: httpx2.AsyncClient) -> None:
    files = {"file": ("leave.txt", SENTENCES)}
    reply = await client.post("/v1/documents", files=files)
    reply.raise_for_status()
    address = f"/v1/documents/{reply.json()['documents'][0]['id']}"
    async with asyncio.timeout(60):
        while (await client.get(address)).json()["state"] != "ready":  # noqa: ASYNC110  It tells nobody.
            await asyncio.sleep(0.1)


async def _ask_until_it_is_gone(client: httpx2.AsyncClient) -> None:
    while True:
        try:
            await client.post("/v1/query", json={"question": _QUESTION})
        except httpx2.TransportError:
            return
        await asyncio.sleep(random.uniform(0.0, 0.4))  # noqa: S311  The same.


@asynccontextmanager
async def _backend(place: Place) -> AsyncIterator[Any]:
    log = place.shared / f"{place.disk.name}.log"
    with running(["-m", "info_assistant", "serve"], place.settings, log) as process:
        await asyncio.to_thread(await_ready, process, f"{place.url}/readyz", log)
        yield process


async def _run(place: Place, *arguments: str) -> str:
    """Run a command of the product beside the backends; return what it prints."""
    log, out = place.shared / "commands.log", place.shared / "commands.out"
    out.unlink(missing_ok=True)
    with running(["-m", "info_assistant", *arguments], place.settings, out) as process:
        code = await asyncio.to_thread(process.wait)
    text = out.read_text()
    with log.open("a") as all_of_them:
        all_of_them.write(text)
    if code:
        raise RuntimeError(f"{arguments} ended with {code}:\n{text}")
    return text


async def _observed_gaps(place: Place, kills: int) -> Sequence[Mapping[str, Any]]:
    """Return the gaps that a backend tells of, once it has watched long enough."""
    async with httpx2.AsyncClient(base_url=place.url, timeout=30, trust_env=False) as client:
        for _ in range(int(_WATCHED_S)):
            report = (await client.get("/v1/usage")).raise_for_status().json()
            if len(report["gaps"]) >= kills:
                break
            await asyncio.sleep(1)
    gaps: Sequence[Mapping[str, Any]] = report["gaps"]
    return gaps


async def _rebuilt(place: Place, folder: Path, ledger: Ledger) -> dict[str, Any]:
    """Start Redis, let totals come, wipe it and rebuild it; return what they came to each time."""
    async with Totals.running(folder / "redis", place.redis_port) as totals:
        observed = place.disk.joinpath("journals").exists() and _lives(place)
        first = await totals.settle(ledger.micro_usd, _TOTALS_S) if observed else None
        totals.wipe()
        printed = await _run(place, "rebuild", "redis")
        rebuilt = await totals.settle(ledger.micro_usd, _TOTALS_S)
        second = None
        if observed:
            totals.wipe()
            second = await totals.settle(ledger.micro_usd, _TOTALS_S)
    return {
        "ledger_micro_usd": ledger.micro_usd,
        "totals_by_themselves_micro_usd": first,
        "rebuild_prints": printed.strip().splitlines()[-1],
        "totals_equal_after_rebuild": rebuilt == ledger.micro_usd,
        "totals_equal_after_a_second_flush": None if second is None else second == ledger.micro_usd,
    }


def _lives(place: Place) -> bool:
    with httpx2.Client(base_url=place.url, timeout=5, trust_env=False) as client:
        try:
            return client.get("/livez").is_success
        except httpx2.TransportError:
            return False


def _compared(
    lives: Sequence[Life],
    calls: Sequence[Call],
    ledger: Ledger,
    gaps: Sequence[Mapping[str, Any]],
) -> _Found:
    """Say which calls of which life are not in the ledger, and whether a gap covers them."""
    found = _Found()
    lost = matched(calls, ledger.events)
    for life in lives:
        mine = [each for each in lost if life.began - 1 <= each.at <= life.killed + 1]
        found.lost += [life.killed - each.at for each in mine]
        found.lives_with_loss += bool(mine)
        covering = [
            gap["at_most_usd"] * 1e6
            for gap in gaps
            if _seconds(gap["since"]) - 0.5 <= min((each.at for each in mine), default=life.killed)
            and _seconds(gap["until"]) >= max((each.at for each in mine), default=life.began)
        ]
        found.beyond_bound += sum(each.micro_usd for each in mine) > max(covering, default=-1)
    found.lost_too_early = [seconds for seconds in found.lost if seconds > LOST_S]
    return found


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()


if __name__ == "__main__":
    sys.exit(main())
