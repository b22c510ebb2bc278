"""A drill as a timeline, an SVG: what the probe saw, the fault, what was done, who was told."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from info_assistant.rehearsal.probe import Asked, Sample
from info_assistant.rehearsal.report import Report

WIDTH = 960
_LEFT, _RIGHT = 150, 60
_ROW, _TOP = 26, 64
_BEFORE_S = 6.0
"""So many quiet seconds before the fault are shown."""
_GOOD, _BAD, _INK, _LINE, _ACT, _TELL = (
    "#1a7f4b", "#c62828", "#1f2933", "#d5dbe1", "#1f5fbf", "#7a3db8",
)  # fmt: skip
_MARKS = {
    "fault": "fault", "detected": "named", "acknowledged": "taken", "mitigated": "served",
    "mended": "mended", "resolved": "all-clear",
}  # fmt: skip
_STEPS_S = (5, 10, 15, 30, 60, 120, 300)
_MOST_STEPS = 14


def timeline(report: Report) -> str:
    """Return the picture; its title and description say the same in words."""
    begin = report.times["fault"] - _BEFORE_S
    scale = _Scale(begin, max(report.ended, begin + 10.0))
    rows = ["new questions", "known question", "milestones", "commands", *_receivers(report)]
    height = _TOP + _ROW * len(rows) + 70
    title = f"Drill of {report.plan.name}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' role="img" aria-labelledby="title desc" font-family="sans-serif">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(_in_words(report))}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 26, f"{title}: {report.downtime_s:.0f} s without an answer", size=16),
        *_grid(scale, report.times["fault"], _TOP + _ROW * len(rows)),
    ]
    for number, name in enumerate(rows):
        y = _TOP + _ROW * number
        lines.append(_text(16, y + 16, name))
        lines.append(f'<path d="M16 {y + _ROW - 2}H{WIDTH - _RIGHT}" stroke="{_LINE}"/>')
    lines += _samples(scale, report.samples, Asked.NEW, _TOP)
    lines += _samples(scale, report.samples, Asked.KNOWN, _TOP + _ROW)
    lines += _milestones(scale, report, _TOP + 2 * _ROW)
    lines += _commands(scale, report, _TOP + 3 * _ROW)
    lines += _messages(scale, report, _TOP + 4 * _ROW)
    lines += _legend(height - 18)
    return "\n".join([*lines, "</svg>"]) + "\n"


class _Scale:
    """Moments to places on the page."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, end

    def x(self, at: float) -> float:
        share = (min(max(at, self.begin), self.end) - self.begin) / (self.end - self.begin)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def width(self, at: float, seconds: float) -> float:
        return round(max(self.x(at + seconds) - self.x(at), 2.0), 1)


def _receivers(report: Report) -> list[str]:
    return sorted({each.receiver for each in report.told})


def _in_words(report: Report) -> str:
    parts = [
        f"{_MARKS[name]} after {at - report.times['fault']:.0f} s"
        for name, at in report.times.items()
        if name in _MARKS and name != "fault"
    ]
    return (
        f"Fault: {report.plan.fault}. The outside probe had no answer to new questions for "
        f"{report.downtime_s:.1f} s, to a known question for {report.known_downtime_s:.1f} s. "
        f"{'; '.join(parts)}. {len(report.actions)} commands, {len(report.told)} messages."
    )


def _grid(scale: _Scale, fault: float, bottom: int) -> Iterator[str]:
    whole = scale.end - scale.begin
    step = next((each for each in _STEPS_S if whole / each <= _MOST_STEPS), _STEPS_S[-1])
    seconds = 0
    while fault + seconds <= scale.end:
        x = scale.x(fault + seconds)
        yield f'<path d="M{x} {_TOP - 6}V{bottom}" stroke="{_LINE}"/>'
        yield _text(x, bottom + 16, f"{seconds} s", anchor="middle")
        seconds += step


def _samples(scale: _Scale, samples: Sequence[Sample], asked: Asked, y: int) -> Iterator[str]:
    for each in samples:
        if each.asked is not asked or each.at < scale.begin:
            continue
        said = f"{each.outcome} {each.code}".strip()
        # Not by colour alone: a second without an answer is also taller.
        top, tall, colour = (y + 8, 8, _GOOD) if each.good else (y + 2, 18, _BAD)
        yield _bar(
            scale.x(each.at), top, scale.width(each.at, max(each.seconds, 0.8)), tall, colour, said
        )


def _milestones(scale: _Scale, report: Report, y: int) -> Iterator[str]:
    last = 0.0
    for name, at in report.times.items():
        if name not in _MARKS:
            continue
        x = scale.x(at)
        words = _MARKS[name]
        yield f'<path d="M{x} {_TOP - 6}V{y + 22}" stroke="{_INK}" stroke-dasharray="3 3"/>'
        place = max(x + 3, last)
        last = place + 7.5 * len(words) + 8
        yield _text(place, y + 16, words)


def _commands(scale: _Scale, report: Report, y: int) -> Iterator[str]:
    for each in report.actions:
        reads = each.effect == "read-only"
        top, tall = (y + 9, 6) if reads else (y + 4, 14)
        said = f"{each.text}: {each.outcome}"
        yield _bar(scale.x(each.at), top, scale.width(each.at, each.seconds), tall, _ACT, said)


def _messages(scale: _Scale, report: Report, y: int) -> Iterator[str]:
    rows = _receivers(report)
    for each in report.told:
        x = scale.x(each.delivered.timestamp())
        middle = y + _ROW * rows.index(each.receiver) + 12
        said = f"{each.act}: {each.title}"
        yield (
            f'<circle cx="{x}" cy="{middle}" r="5" fill="{_TELL}" stroke="#ffffff">'
            f"<title>{escape(said)}</title></circle>"
        )


def _legend(y: int) -> Iterator[str]:
    known = (
        (_GOOD, "answered"), (_BAD, "not answered (taller)"), (_ACT, "command (tall: a change)"),
        (_TELL, "message delivered"),
    )  # fmt: skip
    x = 16
    for colour, words in known:
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, y, words)
        x += 34 + 7 * len(words)


def _bar(x: float, y: float, width: float, height: float, colour: str, said: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill={quoteattr(colour)}>'
        f"<title>{escape(said)}</title></rect>"
    )


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{_INK}">'
        f"{escape(words)}</text>"
    )
