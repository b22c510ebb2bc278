"""What was spent day by day, as bars: plain numbers that a template draws."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from info_assistant.web.usage import Usage

WIDTH, HEIGHT = 700, 160
"""The size of the drawing, in units of its own."""

_GAP = 2


@dataclass(frozen=True, slots=True)
class Day:
    """A day's calls and cost, and its bar: place, width and height in units of the drawing."""

    day: date
    calls: int
    cost_usd: float
    x: float
    width: float
    height: float

    @property
    def y(self) -> float:
        """Where the bar begins, from above."""
        return HEIGHT - self.height


def bars(usage: Usage) -> list[Day]:
    """Return a bar for each day, also for those on which nothing was spent, the oldest first."""
    calls: dict[date, int] = defaultdict(int)
    costs: dict[date, float] = defaultdict(float)
    for row in usage.rows:
        calls[row.day] += row.calls
        costs[row.day] += row.cost_usd
    count = (usage.last - usage.first).days + 1
    most = max(costs.values(), default=0.0) or 1.0
    step = WIDTH / max(count, 1)
    days = [usage.first + timedelta(days=place) for place in range(count)]
    return [
        Day(
            day,
            calls[day],
            costs[day],
            round(place * step, 1),
            round(max(step - _GAP, 1), 1),
            round(HEIGHT * costs[day] / most, 1),
        )
        for place, day in enumerate(days)
    ]
