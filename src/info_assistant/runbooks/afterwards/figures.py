"""How long it takes over many incidents: to detect, acknowledge, mitigate and resolve."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from info_assistant.runbooks.record.incident import Incident

NAMES = {
    "to detect": ("MTTD", "detected - started"),
    "to acknowledge": ("MTTA", "acknowledged - detected"),
    "to mitigate": ("time to mitigate", "mitigated - started"),
    "to resolve": ("MTTR", "resolved - started"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean and median of one time over `count` incidents, in seconds; None without any."""

    name: str
    definition: str
    count: int
    mean_s: float | None
    median_s: float | None


def figures_of(incidents: Sequence[Incident], *, drills: bool = False) -> list[Figure]:
    """Return all figures; drills are counted only if they are asked for, and then alone."""
    counted = [each for each in incidents if each.drill is drills]
    found = []
    for key, (name, definition) in NAMES.items():
        times = [
            each.durations()[key].total_seconds() for each in counted if key in each.durations()
        ]
        mean, middle = (fmean(times), median(times)) if times else (None, None)
        found.append(Figure(name, definition, len(times), mean, middle))
    return found
