"""What a fault at the stand came to, in figures, and what they must not exceed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.harness.askers import ANSWERED, Asked
from benchmarks.harness.fault_trial import Phase, Trial, is_well
from benchmarks.harness.report import Floor, percentile

ADDED_MS, REDIS_RECOVERY_S, QDRANT_RECOVERY_S = 60.0, 10.0, 5.0
RSS_TIMES, CPU_TIMES, LOG_BYTES = 1.3, 1.5, 1000.0
_WELL_PHASES = (Phase.BASELINE, Phase.STEADY)
_BROKEN_PHASES = (Phase.FAULT, Phase.RECOVERY, Phase.STEADY)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one fault; latencies of questions that were answered, in ms.

    `opened_s` is how long after the fault every backend knew; latencies under the fault count from
    there, or from its beginning where the backends go on using what is broken. `recovery_s` is how
    long after its end the last backend, and the last question, was still concerned.
    """

    fired: int
    errors: float
    asked: int
    failed: dict[str, int]
    p99_before_ms: float
    p99_fault_ms: float
    opened_s: float | None
    recovery_s: float
    rss_times: float
    cpu_times: float
    log_bytes: float
    outcomes: dict[str, dict[str, int]]
    known_hits: tuple[int, int]
    """Repeated questions answered from the cache: before, and while it was broken."""

    @property
    def added_ms(self) -> float:
        """How much longer the slowest took once the fault was known."""
        return self.p99_fault_ms - self.p99_before_ms


def figures_of(trial: Trial) -> Figures:
    """Return what a trial came to."""
    opened = _opened(trial)
    fault = trial.spans[Phase.FAULT]
    since = fault.began.at if opened is None else opened
    under = [each for each in trial.during(Phase.FAULT) if each.at >= since]
    baseline = trial.during(Phase.BASELINE)
    asked = [each for phase in Phase for each in trial.during(phase)]
    return Figures(
        fired=trial.fired,
        errors=trial.errors,
        asked=len(asked),
        failed=dict(Counter(_failures(trial))),
        p99_before_ms=_p99_ms(baseline),
        p99_fault_ms=_p99_ms(under),
        opened_s=None if opened is None else opened - fault.began.at,
        recovery_s=_recovery_s(trial),
        rss_times=_rss_times(trial),
        cpu_times=_cpu_each(trial, Phase.FAULT) / _cpu_each(trial, Phase.BASELINE),
        log_bytes=max(_log_each(trial, phase) for phase in _BROKEN_PHASES),
        outcomes={
            phase.value: dict(Counter(each.outcome for each in trial.during(phase)))
            for phase in Phase
        },
        known_hits=(_hits(baseline), _hits(trial.during(Phase.FAULT))),
    )


def floors_of(trial: Trial, found: Figures) -> Sequence[Floor]:
    """Return what must hold of this fault."""
    floors = [
        Floor("fired", "", found.fired, 1, "at least"),
        Floor("failed questions", "", sum(found.failed.values()), 0, "at most"),
        Floor("memory, times", "", found.rss_times, RSS_TIMES, "at most"),
        Floor("log a question", "bytes", found.log_bytes, LOG_BYTES, "at most"),
    ]
    if trial.fault.leader:
        floors.append(Floor("backends at another master", "", trial.strayed, 0, "at most"))
    if trial.fault.dependency == "redis":
        floors += [
            Floor("added p99", "ms", found.added_ms, ADDED_MS, "at most"),
            Floor("recovery", "s", found.recovery_s, REDIS_RECOVERY_S, "at most"),
            Floor("processor a question, times", "", found.cpu_times, CPU_TIMES, "at most"),
        ]
    if trial.fault.dependency == "qdrant":
        floors.append(Floor("recovery", "s", found.recovery_s, QDRANT_RECOVERY_S, "at most"))
    return floors


def as_json(trial: Trial, found: Figures) -> dict[str, Any]:
    """Return all that is kept of a fault."""
    floors = floors_of(trial, found)
    return {
        "name": trial.fault.name,
        "dependency": trial.fault.dependency,
        "figures": asdict(found) | {"added_ms": found.added_ms},
        "floors": [asdict(floor) | {"holds": floor.holds} for floor in floors],
        "holds": all(floor.holds for floor in floors),
    }


def _failures(trial: Trial) -> list[str]:
    """Return the outcomes that should not have been."""
    allowed = trial.fault.allowed
    failed = [
        each.outcome
        for phase in Phase
        for each in trial.during(phase)
        if each.outcome not in allowed
    ]
    for phase in _WELL_PHASES:
        end = trial.spans[phase].ended.at
        # What is still under way when the next phase begins belongs to that.
        whole = [each for each in trial.during(phase) if each.at + each.took_s < end]
        failed += [
            f"{each.outcome} in {phase}"
            for each in whole
            if each.outcome in allowed and not each.outcome.startswith(ANSWERED)
        ]
    if trial.fault.known_only and _hits(trial.during(Phase.BASELINE)):
        failed += [
            f"known: {each.outcome}"
            for each in trial.during(Phase.FAULT)
            if each.known and each.outcome != ANSWERED
        ]
    return failed


def _opened(trial: Trial) -> float | None:
    """Return when the last backend knew of the fault; None where one never did."""
    span = trial.spans[Phase.FAULT]
    first: dict[int, float] = {}
    for each in trial.seen:
        if span.holds(each.at) and not is_well(each, trial.fault.dependency):
            first.setdefault(each.backend, each.at)
    return max(first.values()) if len(first) == trial.backends else None


def _recovery_s(trial: Trial) -> float:
    """Return how long after the end of the fault the last backend, or question, was concerned.

    Where that has no end in what was seen, it is at least all of that time.
    """
    end = well_at = trial.spans[Phase.STEADY].ended.at
    ill = set(range(trial.backends))
    for each in sorted(trial.seen, key=lambda seen: seen.at):
        if trial.lifted < each.at < end and ill:
            well_at = each.at
            if is_well(each, trial.fault.dependency):
                ill.discard(each.backend)
            else:
                ill.add(each.backend)
    if ill:
        return end - trial.lifted
    late = [each.at for each in trial.during(Phase.RECOVERY) if each.outcome != ANSWERED]
    return max([well_at, *(at for at in late if at > trial.lifted)]) - trial.lifted


def _p99_ms(asked: Sequence[Asked]) -> float:
    took = [each.took_s for each in asked if each.outcome.startswith(ANSWERED) and not each.known]
    return percentile(took, 0.99) * 1000 if took else 0.0


def _rss_times(trial: Trial) -> float:
    """Return how much more memory the backend held that grew most."""

    def most(phases: Sequence[Phase], backend: int) -> int:
        spans = [trial.spans[phase] for phase in phases]
        return max(
            (
                each.rss
                for each in trial.seen
                if each.backend == backend and any(span.holds(each.at) for span in spans)
            ),
            default=0,
        )

    return max(
        most(_BROKEN_PHASES, number) / (most([Phase.BASELINE], number) or 1)
        for number in range(trial.backends)
    )


def _cpu_each(trial: Trial, phase: Phase) -> float:
    span = trial.spans[phase]
    return (span.ended.cpu_s - span.began.cpu_s) / max(1, len(trial.during(phase)))


def _log_each(trial: Trial, phase: Phase) -> float:
    span = trial.spans[phase]
    return (span.ended.log_bytes - span.began.log_bytes) / max(1, len(trial.during(phase)))


def _hits(asked: Sequence[Asked]) -> int:
    return sum(each.known and each.cache == "hit" for each in asked)
