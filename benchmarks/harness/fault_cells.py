"""The matrix of faults: what can happen to each thing that the product depends on.

One row for each fault of a list that was made before the product (research on reliability), one
column for each dependency. A cell is tried at the stand, or says why there is nothing to try.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.harness.fault_drills import DRILLS, Drill
from benchmarks.harness.stand_faults import (
    FALLBACK,
    NO_INDEX,
    InForce,
    demoted,
    memory_full,
    misbehaving,
    password_changed,
    promoted,
    qdrant_killed,
    qdrant_paused,
    redis_paused,
    restarted_empty,
    through,
)

from info_assistant.drills.faults import Effect, Fault, http_answer, redis_error
from info_assistant.drills.provider_faults import HARMLESS, Behaviour

DEPENDENCIES = (
    *("redis", "qdrant", "openai", "anthropic"),
    *("object storage", "disk", "clock", "own process"),
)
"""The columns."""

_PROXIES: Mapping[str, str] = {
    "redis": "redis-0",
    "qdrant": "qdrant",
    "openai": "openai",
    "anthropic": "anthropic",
}
_PROVIDERS = ("openai", "anthropic")
WELL = frozenset({"answered"})
_REFUSED = "generation_unavailable"
BROKEN: Mapping[str, frozenset[str]] = {
    "redis": WELL,
    "qdrant": WELL | {NO_INDEX},
    "openai": WELL | {FALLBACK},
    "anthropic": WELL | {FALLBACK},
}
"""How a question may end while a dependency is broken."""

_NO_NETWORK: Mapping[str, str] = {
    "object storage": "a directory here; that it is gone has a row of its own",
    "disk": "is not reached over a network",
    "clock": "is not reached over a network",
    "own process": "is not reached over a network",
}
_RESP_ALONE = "an error of Redis's language"
_HTTP_ALONE = "Redis's language has no status codes"


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault of a dependency: a way to make it happen, or the `reason` why there is none.

    `allowed` is how questions may end meanwhile.
    """

    fault: str
    dependency: str
    in_force: InForce | None = None
    drill: Drill | None = None
    reason: str = ""
    allowed: frozenset[str] = WELL


@dataclass(frozen=True, slots=True)
class Row:
    """A fault with the dependencies that can have it; `otherwise` says why the others cannot.

    A `mild` one must not be noticed; `also_allowed` is how a provider's may end a question besides.
    """

    fault: str
    tried: Mapping[str, InForce] = field(default_factory=dict)
    drills: Mapping[str, Drill] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    mild: bool = False
    also_allowed: frozenset[str] = frozenset()

    def cells(self) -> Iterator[Cell]:
        """Yield a cell for each dependency."""
        for name in DEPENDENCIES:
            if name in self.tried:
                also = self.also_allowed if name in _PROVIDERS else frozenset()
                allowed = WELL if self.mild else BROKEN[name] | also
                yield Cell(self.fault, name, self.tried[name], allowed=allowed)
            elif name in self.drills:
                yield Cell(self.fault, name, drill=self.drills[name])
            else:
                yield Cell(self.fault, name, reason=self.reasons.get(name, self.otherwise))


def _network(
    name: str, fault: Fault, *, mild: bool = False, also: frozenset[str] = frozenset()
) -> Row:
    """Return what networks do, to everything that is reached over one."""
    tried = {each: through(fault, proxy) for each, proxy in _PROXIES.items()}
    return Row(name, tried, reasons=_NO_NETWORK, mild=mild, also_allowed=also)


def _status(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    what: str = "",
    also: frozenset[str] = frozenset(),
) -> Row:
    """Return what servers of HTTP answer instead of working."""
    body = b'{"error": {"type": "drill_error", "message": "A drill."}}'
    fault = Fault(Effect.ANSWERED, answer=http_answer(status, body, headers))
    tried = {each: through(fault, each) for each in ("qdrant", *_PROVIDERS)}
    reasons = {"redis": _HTTP_ALONE, **_NO_NETWORK}
    return Row(f"HTTP {status}{what}", tried, reasons=reasons, also_allowed=also)


def _redis_says(kind: str) -> Row:
    fault = Fault(Effect.ANSWERED, answer=redis_error(kind))
    return Row(f"-{kind}", {"redis": through(fault, "redis-0")}, otherwise=_RESP_ALONE)


def _redis(name: str, in_force: InForce) -> Row:
    return Row(name, {"redis": in_force}, otherwise="a state that only Redis knows")


def _of_a_provider(behaviour: Behaviour) -> Row:
    """Return what a provider itself does wrong; decision 15 says what follows."""
    also = {
        Behaviour.STATUS_400: {_REFUSED},
        Behaviour.TOO_LARGE: {_REFUSED},
        Behaviour.CONTENT_FILTER: {"partial content_filtered", "refused_output content_filtered"},
    }.get(behaviour, set())
    tried = {each: misbehaving(behaviour, each) for each in _PROVIDERS}
    name = f"model: {behaviour.value.replace('_', ' ')}"
    otherwise = "a fault of a language model's stream"
    return Row(name, tried, otherwise=otherwise, also_allowed=frozenset(also))


# Words that come too slowly for all of them, each in time: the question's deadline ends it.
_LATE = frozenset({_REFUSED})

_STATUSES = (
    *(_status(each) for each in (401, 402, 403, 408)),
    # No provider documents 409, so that nobody else is asked: the request itself may be at fault.
    _status(409, also=frozenset({_REFUSED})),
    _status(429, what=" without Retry-After"),
    _status(429, {"retry-after": "0"}, what=", Retry-After 0"),
    _status(429, {"retry-after": "2"}, what=", Retry-After 2"),
    _status(429, {"retry-after": "1000000000"}, what=", Retry-After 1e9"),
    _status(
        429, {"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, what=", Retry-After in the past"
    ),
    *(_status(each) for each in (500, 503, 529)),
)

_NETWORK = (
    _network("refused", Fault(Effect.REFUSED)),
    _network("accepted, then silence", Fault(Effect.HANG)),
    _network("SYN lost", Fault(Effect.BLACKHOLE)),
    _network("reset before the request", Fault(Effect.RESET_ON_CONNECT)),
    _network("reset after the request", Fault(Effect.RESET_ON_REQUEST)),
    _network("closed within the reply", Fault(Effect.CLOSED_IN_REPLY)),
    _network("reset within the reply", Fault(Effect.RESET_IN_REPLY)),
    _network("reply lost after its effect", Fault(Effect.LOST_REPLY)),
    _network("50 ms late", Fault(Effect.DELAY, seconds=0.05), mild=True),
    _network("1 s late", Fault(Effect.DELAY, seconds=1.0)),
    _network("late by chance, 0 to 200 ms", Fault(Effect.DELAY, jitter_s=0.2)),
    _network("replies in drips, 100 bytes/s", Fault(Effect.DRIP, bytes_per_s=100), also=_LATE),
    _network(
        "requests read slowly, 200 bytes/s", Fault(Effect.SLOW_READ, bytes_per_s=200), also=_LATE
    ),
    _network("half of a reply, then its end", Fault(Effect.TRUNCATED)),
    _network("noise for a reply", Fault(Effect.GARBLED)),
    _network("refused by turns, 1 Hz", Fault(Effect.REFUSED, flap_s=0.5)),
    _network("silent by turns, 1 Hz", Fault(Effect.HANG, flap_s=0.5)),
)

_OF_REDIS = (
    *(_redis_says(each) for each in ("READONLY", "LOADING", "CLUSTERDOWN", "MASTERDOWN")),
    *(_redis_says(each) for each in ("BUSY", "NOAUTH", "WRONGPASS", "OOM")),
    _redis("demoted", demoted),
    _redis("a replica promoted beside its master", promoted),
    _redis("memory full", memory_full),
    _redis("password changed", password_changed),
    _redis("restarted empty", restarted_empty),
)

_ODD = frozenset({Behaviour.REFUSED_PORT, Behaviour.RATE_LIMITED_FOR_A_MOMENT})
_OF_PROVIDERS = tuple(_of_a_provider(each) for each in Behaviour if each not in HARMLESS | _ODD)

_OTHERS = (
    Row(
        "process stopped (SIGSTOP)",
        {"redis": redis_paused, "qdrant": qdrant_paused},
        {"own process": DRILLS["stopped"]},
        otherwise="is no process of ours",
    ),
    Row(
        "process killed (SIGKILL)",
        {"redis": restarted_empty, "qdrant": qdrant_killed},
        {"own process": DRILLS["killed"]},
        otherwise="is no process of ours",
    ),
    Row(
        "both providers down",
        {"openai": misbehaving(Behaviour.STATUS_503, *_PROVIDERS)},
        otherwise="a fault of both providers together",
        reasons={"anthropic": "tried in the column before"},
        also_allowed=frozenset({_REFUSED}),
    ),
    Row(
        "one of several peers gone",
        {"redis": through(Fault(Effect.REFUSED), "redis-1")},
        reasons={
            "qdrant": "the Qdrant of one machine is one peer; peers need a cluster",
            "openai": "one address, whose peers are the provider's business",
            "anthropic": "one address, whose peers are the provider's business",
        },
        otherwise="has no peers",
        mild=True,
    ),
    Row("gone", drills={"object storage": DRILLS["storage"]}, otherwise="has rows of its own"),
    Row(
        "SIGTERM in mid-stream",
        drills={"own process": DRILLS["ended"]},
        otherwise="not a process of ours",
    ),
    Row(
        "client goes in mid-stream",
        drills={"own process": DRILLS["left"]},
        otherwise="concerns askers alone",
    ),
    Row(
        "100 times the same cold question",
        drills={"own process": DRILLS["burst"]},
        otherwise="concerns askers alone",
    ),
    Row(
        "address changes its meaning (DNS)",
        otherwise="needs a resolver to change; each new connection asks it anew",
    ),
    Row(
        "disk full",
        reasons={"disk": "needs a disk of its own: tests/durability/test_disk_full.py has one"},
        otherwise="has no disk of ours",
    ),
    Row(
        "fsync fails",
        reasons={"disk": "needs a failing device: tests/durability makes the calls fail instead"},
        otherwise="has no disk of ours",
    ),
    *(
        Row(
            f"clock jumps {jump}",
            reasons={
                "clock": "setting it needs the whole machine: tests/resilience has clocks that jump"
            },
            otherwise="has no clock of ours; clocks of replicas are not compared",
        )
        for jump in ("1 h ahead", "1 h back")
    ),
)

ROWS: Sequence[Row] = (*_NETWORK, *_STATUSES, *_OF_REDIS, *_OF_PROVIDERS, *_OTHERS)
CELLS: Sequence[Cell] = tuple(cell for row in ROWS for cell in row.cells())
"""Every fault with every dependency."""
