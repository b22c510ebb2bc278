"""Where processes are in a document's way, read from their logs while they run.

At LOG_LEVEL=DEBUG each step that a crash may fall into is a line at its begin and one at its end
(`observability/steps.py`). A step that is open when its process dies was cut off inside.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BEGUN, _ENDED = "Step begun", "Step ended"


@dataclass(slots=True)
class StepLog:
    """Follows one process's log; `open` counts the steps that have begun and not ended."""

    path: Path
    open: Counter[tuple[str, str]] = field(default_factory=Counter)
    _offset: int = 0
    _rest: bytes = b""

    def news(self) -> Iterator[tuple[str, str]]:
        """Yield (step, document) of each step that has begun since the last look."""
        try:
            with self.path.open("rb") as log:
                log.seek(self._offset)
                chunk = log.read()
        except FileNotFoundError:
            return
        self._offset += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if b'"Step ' not in line:
                continue
            event = _parsed(line)
            key = (str(event.get("step")), str(event.get("document_id", "")))
            if event.get("event") == _BEGUN:
                self.open[key] += 1
                yield key
            elif event.get("event") == _ENDED:
                self.open[key] -= 1

    def is_inside(self, key: tuple[str, str]) -> bool:
        """Whether the step has begun and not ended, by all that has been written up to now."""
        for _ in self.news():
            pass
        return self.open[key] > 0

    def forget(self) -> None:
        """Leave behind what a process that died had open."""
        self.open.clear()
        self._rest = b""


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        # A process killed in the middle of a line.
        return {}
    return event
