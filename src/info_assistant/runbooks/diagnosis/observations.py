"""What was seen, before anybody judges it: plain data that can be written down and read again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

from info_assistant.runbooks.errors import DiagnosisUnreadable

SLOW_S = 1.0
"""From this median time on, what answers on request counts as slow."""

PROVIDER_SLOW_S = 3.0
"""The same for providers, which are far away."""


class Outcome(StrEnum):
    """How one request ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"
    BROKEN = "broken"
    """The connection was made, and broke before an answer."""
    UNREACHABLE = "unreachable"
    """No such name, or no way there: it says as much of this machine as of the service."""


class Reach(StrEnum):
    """What several requests say together."""

    WELL = "well"
    SLOW = "slow"
    FAILING = "failing"
    REFUSED = "refused"
    SILENT = "silent"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: how it ended, with which HTTP status (0: none), and after how many seconds."""

    outcome: Outcome
    status: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sampled:
    """Several requests to one address. `stated` tells it from an address that was assumed."""

    address: str
    stated: bool
    near: bool
    """Whether it is on this machine, so that no network lies between."""
    samples: Sequence[Sample]
    role: str = ""
    """Of a Redis: `master`, `slave`, or empty where it was not told."""
    error: str = ""
    """Of a Redis: the first word of the error that it answers with, such as LOADING."""

    @property
    def seconds(self) -> float:
        """The median time."""
        return median(each.seconds for each in self.samples)

    def reach(self, slow_s: float = SLOW_S) -> Reach:
        """Return what the requests say together."""
        ends = [each.outcome for each in self.samples]
        if Outcome.ANSWERED not in ends:
            for outcome, reach in (
                (Outcome.UNREACHABLE, Reach.UNREACHABLE),
                (Outcome.REFUSED, Reach.REFUSED),
                (Outcome.SILENT, Reach.SILENT),
            ):
                if ends[-1] is outcome:
                    return reach
            return Reach.FAILING
        answered = [each for each in self.samples if each.outcome is Outcome.ANSWERED]
        failed = sum(each.status >= 500 for each in answered)  # noqa: PLR2004  HTTP.
        if self.error or failed * 2 >= len(answered):
            return Reach.FAILING
        if self.seconds >= slow_s or len(answered) * 2 < len(ends):
            return Reach.SLOW
        return Reach.WELL


@dataclass(frozen=True, slots=True)
class Looks:
    """A backend's metrics at two moments, `seconds` apart; the names carry their labels."""

    seconds: float
    before: Mapping[str, float]
    after: Mapping[str, float]

    def rise(self, name: str, *labels: str) -> float:
        """Return by how much all series of that name that carry these labels rose together.

        A counter that fell was started anew, and has risen from 0.
        """
        total = 0.0
        for series, value in self.after.items():
            if series.split("{")[0] == name and all(label in series for label in labels):
                before = self.before.get(series, 0.0)
                total += value - before if value >= before else value
        return total


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was seen.

    `reached` has what was asked at an address, by the name of the part: backend, frontend, public,
    qdrant, redis (with a number), openai, anthropic. `health` is the body of /health with its HTTP
    code as `http`. `logs` counts lines of the last minute by their event, `pods` are ready and
    wanted by component, `prometheus` values by query. `missing` says what could not be looked at
    and why.
    """

    reached: Mapping[str, Sampled] = field(default_factory=dict)
    health: Mapping[str, Any] | None = None
    metrics: Looks | None = None
    logs: Mapping[str, int] = field(default_factory=dict)
    pods: Mapping[str, Sequence[int]] = field(default_factory=dict)
    prometheus: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def data(self) -> dict[str, Any]:
        """Return them as JSON data."""
        return asdict(self)


def observations_of(data: Mapping[str, Any]) -> Observations:
    """Return what `Observations.data` wrote down. Raises DiagnosisUnreadable."""
    try:
        reached = {
            name: Sampled(
                **{
                    **each,
                    "samples": tuple(
                        Sample(**{**one, "outcome": Outcome(one["outcome"])})
                        for one in each["samples"]
                    ),
                }
            )
            for name, each in data["reached"].items()
        }
        metrics = Looks(**data["metrics"]) if data["metrics"] else None
        return Observations(**{**data, "reached": reached, "metrics": metrics})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DiagnosisUnreadable("This is no record of what a diagnosis saw.") from error
