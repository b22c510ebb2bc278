"""Kill a process that buys answers, again and again: does the ledger agree with the providers?

Real SDKs speak to stand-ins for OpenAI and Anthropic that count calls and tokens themselves, fail
in many ways and are failed over; streams are left and cancelled; the process is killed at random
moments, and each time another goes on with its journal. Afterwards each call that a provider
counted must be in the ledger once: to the micro-dollar where it was completed, else marked as an
estimate that is not below the provider's count. `python -m benchmarks.ledger_kills [--kills N]`
"""

import asyncio
import math
import multiprocessing
import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import await_true
from benchmarks.harness.report import say
from benchmarks.harness.spender import MODELS, TENANT, Errand, log_in, number_of, run
from benchmarks.harness.trials import run_kills

from info_assistant.drills.provider_exchange import CountedCall
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderStandIn, running_providers
from info_assistant.model.spend import SpendEvent, SpendState
from info_assistant.stores.ledger import KIND, spend_event
from info_assistant.stores.record_log import RecordLog

RESULT = Path(__file__).parent / "results" / "ledger_kills.json"
QUESTIONS = 40
"""As many questions a process has; few are killed after the last of them."""

LIFE_S = (0.05, 1.0)
"""How long a process lives after its first call, at least and at most."""

PRICES = {"openai": (Decimal("0.15"), Decimal("0.60")), "anthropic": (Decimal(3), Decimal(15))}
"""US dollars for a million tokens of MODELS: the trial takes no price from the product."""

_START_S = 60.0
_NOT_FOR_A_LEDGER = frozenset(
    {
        # Nobody is asked any more after these, so that there would be nothing to compare.
        Behaviour.WRONG_KEY,
        Behaviour.NOT_PAID,
        Behaviour.FORBIDDEN,
        Behaviour.UNKNOWN_MODEL,
        Behaviour.INSUFFICIENT_QUOTA,
        Behaviour.REFUSED_PORT,
        # These leave a provider alone for a while.
        Behaviour.RATE_LIMITED_FOR_DECADES,
        Behaviour.RATE_LIMITED_FOR_A_MOMENT,
        # These write more than was allowed, which a provider does not.
        Behaviour.ENDLESS_STREAM,
        Behaviour.DRIPPED_STREAM,
    }
)
_FAULTS = [each for each in Behaviour if each not in _NOT_FOR_A_LEDGER]


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    return run_kills(__doc__, 200, trial, RESULT)


def trial(folder: Path, kills: int) -> dict[str, Any]:
    """Kill a process `kills` times and compare its ledger with what the stand-ins counted."""
    stand_ins = {name: ProviderStandIn(name) for name in MODELS}
    for each in stand_ins.values():
        each.pace_s = 0.005
        calls = kills * QUESTIONS
        faults = (random.choice(_FAULTS) for _ in range(calls))  # noqa: S311  Which is random.
        each.next_behaviours.extend(f for fault in faults for f in (Behaviour.WELL, fault))
    # Children are forked from a server that has the SDKs loaded, not from us and our threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.harness.spender"])
    cut_off = 0
    with running_providers(*stand_ins.values()):
        urls = {name: each.url for name, each in stand_ins.items()}
        for number in range(kills):
            errand = Errand(folder, urls, number * QUESTIONS, QUESTIONS)
            before = _asked(stand_ins)
            child = context.Process(target=run, args=(errand,))
            child.start()
            await_true(lambda: _asked(stand_ins) > before, _START_S, "a first call")  # noqa: B023  Awaited at once.
            child.join(random.uniform(*LIFE_S))  # noqa: S311  When is random.
            child.kill()
            child.join()
            if child.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"the process was not killed but ended with {child.exitcode}")
            cut_off += 1
            if number % 20 == 0:
                say(f"kill {number + 1}: {_asked(stand_ins)} calls so far")
    events = asyncio.run(_events(folder))
    counted = {name: each.tally.calls for name, each in stand_ins.items()}
    return {"kills": cut_off, **compared(counted, events)}


def _asked(stand_ins: dict[str, ProviderStandIn]) -> int:
    return sum(len(each.tally.calls) for each in stand_ins.values())


async def _events(folder: Path) -> Sequence[SpendEvent]:
    """Return every event by its furthest state, from the segments alone."""
    log: RecordLog = log_in(folder)
    await log.open()
    await log._adopt()  # noqa: SLF001  At once, and not within 30 s.
    await log.ship()
    found: dict[str, SpendEvent] = {}
    rank = [SpendState.RESERVED, SpendState.UNKNOWN, SpendState.ABORTED, SpendState.COMPLETED]
    async for page in log.of_day(KIND, TENANT, datetime.now(UTC).date(), set()):
        for each in map(spend_event, page):
            known = found.get(each.id)
            if known is None or rank.index(each.state) > rank.index(known.state):
                found[each.id] = each
    await log.close()
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Counted:
    """A call as its provider counts it, with its price."""

    input: int
    output: int
    micro_usd: int
    complete: bool


@dataclass(slots=True)
class _Differences:
    """Where the ledger and the providers do not agree."""

    matched: int = 0
    different: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    low: list[str] = field(default_factory=list)


def compared(
    counted: Mapping[str, list[CountedCall]], events: Sequence[SpendEvent]
) -> dict[str, Any]:
    """Return how the ledger's events and the providers' own counts agree."""
    calls: defaultdict[tuple[str, str], list[_Counted]] = defaultdict(list)
    for provider, several in counted.items():
        for each in several:
            if each.input:  # Others were refused and cost nothing.
                micro_usd = _price(provider, each.input, each.output)
                known = _Counted(each.input, each.output, micro_usd, each.complete)
                calls[f"question-{number_of(each.input)}", provider].append(known)
    noted: defaultdict[tuple[str, str], list[SpendEvent]] = defaultdict(list)
    for event in events:
        noted[event.call.request_id, event.provider].append(event)
    found = _Differences()
    for key in calls.keys() | noted.keys():
        _compare(calls[key], noted[key], found)
    attempts = [(event.call.request_id, event.call.attempt) for event in events]
    states = Counter(event.state.value for event in events)
    ended_early = [event for event in events if event.state is not SpendState.COMPLETED]
    failures = {
        "completed_but_different": found.different,
        "not_in_the_ledger": found.missing,
        "below_the_providers_count": found.low,
        "aborted_but_not_marked": [str(event) for event in ended_early if not event.estimated],
        "noted_twice": len(attempts) - len(set(attempts)),
        "still_reserved": states["reserved"],
    }
    unknown = [event for event in events if event.state is SpendState.UNKNOWN]
    return {
        "calls_that_providers_counted": sum(map(len, calls.values())),
        "of_which_they_completed": sum(each.complete for some in calls.values() for each in some),
        "events": len(events),
        "events_by_state": dict(states),
        "kills_that_cut_calls_off": len({_number(event) // QUESTIONS for event in unknown}),
        "failed_over": sum(attempt > 1 for _, attempt in attempts),
        "completed_and_equal": found.matched,
        **failures,
        "holds": not any(failures.values()),
    }


def _compare(calls: Sequence[_Counted], events: Sequence[SpendEvent], found: _Differences) -> None:
    """Match the calls that a provider counted for a question with what the ledger says of them."""
    left = list(calls)
    # What is said to be counted first: each needs a call with exactly these tokens and this cost.
    for event in events:
        if not event.estimated:
            same = [each for each in left if each.complete and _is(each, event)]
            if same:
                left.remove(same[0])
                found.matched += 1
            else:
                found.different.append(str(event))
    bounds = sorted((e.micro_usd for e in events if e.estimated and e.micro_usd), reverse=True)
    for call in sorted(left, key=lambda each: each.micro_usd, reverse=True):
        if not bounds:
            found.missing.append(str(call))
        elif bounds.pop(0) < call.micro_usd:
            found.low.append(str(call))


def _number(event: SpendEvent) -> int:
    return int(event.call.request_id.removeprefix("question-"))


def _price(provider: str, read: int, written: int) -> int:
    prices = PRICES[provider]
    return math.ceil(prices[0] * read + prices[1] * written)


def _is(call: _Counted, event: SpendEvent) -> bool:
    usage = (event.usage.input, event.usage.output, event.micro_usd)
    return usage == (call.input, call.output, call.micro_usd)


if __name__ == "__main__":
    sys.exit(main())
