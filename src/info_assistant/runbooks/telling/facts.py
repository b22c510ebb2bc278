"""What is known to be so at this moment, from a quick look and from the record."""

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from info_assistant.runbooks.diagnosis.asking import FAULTS, fetch, fetch_json, metrics_of
from info_assistant.runbooks.diagnosis.places import Places
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident

LOOK_S = 2.0
"""A quick look takes no longer: the first word is due within seconds."""

_SERVER_ERROR = 500
PROVIDERS = ("openai", "anthropic")
"""Who can write answers, by their names in /health."""
_WRITES = {"ok", "degraded"}
BETWEEN_S = 1.5
"""Between two looks at counters; only taken where what is felt does not follow from states."""
SLOWER, SLOWER_BY_S = 1.5, 0.02
"""Answers are slower when most take longer than most did, by this factor and these seconds."""
ENOUGH = 3
"""So many answers say something about how long they take; fewer may be chance."""
_FAILED, _STARTED = "answers_failed_total", "process_start_time_seconds"
_TIMES = "http_request_duration_seconds"
_QUESTIONS = 'route="/v1/query"'
_UP_TO = re.compile(r'le="([\d.e+-]+)"')


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen. None means that nobody knows; a sentence that needs it is left out."""

    reachable: bool | None = None
    """Whether users reach the service: its public address, else frontend or backend, answers."""
    answers: bool | None = None
    """Whether /health says that questions can be answered."""
    dependencies: Mapping[str, str] = field(default_factory=dict)
    """State by name, as /health tells: ok, degraded, down, off, unknown."""
    modes: Mapping[str, str] = field(default_factory=dict)
    failing: bool | None = None
    """Whether questions were seen to fail for want of a provider, just now."""
    slower: bool | None = None
    """Whether answers were seen to take longer than before, just now."""
    done: frozenset[str] = frozenset()
    """What the record shows as done, of the words in `DONE`."""

    def provider_down(self, *names: str) -> bool | None:
        """Whether one of these providers, or of all, is down; None if none is known."""
        known = [self.dependencies[name] for name in names if name in self.dependencies]
        told = [each for each in known if each in {"ok", "degraded", "down"}]
        return any(each == "down" for each in told) if told else None

    @property
    def writer(self) -> str | None:
        """Which provider writes answers where one is down; "" for nobody, None if nobody knows.

        A provider that is asked first by a switch and is well writes. Whether another one steps in
        by itself is a setting of the backend, which does not tell it.
        """
        wanted = self.modes.get("LLM_PROVIDER", "auto")
        states = {name: self.dependencies.get(name, "off") for name in PROVIDERS}
        if wanted in PROVIDERS and states[wanted] in _WRITES:
            return wanted
        if wanted == "extractive" or all(each in {"down", "off"} for each in states.values()):
            return ""
        return None

    def is_down(self, name: str) -> bool | None:
        """Whether a dependency is down; None if nobody knows."""
        state = self.dependencies.get(name, "unknown")
        return None if state in {"unknown", "off"} else state == "down"

    def is_ok(self, name: str) -> bool | None:
        """Whether a dependency is well; None if nobody knows."""
        state = self.dependencies.get(name, "unknown")
        return None if state == "unknown" else state == "ok"


DONE: Mapping[str, re.Pattern[str]] = {
    "infrastructure": re.compile(r"kubectl get (nodes|pods)|kubectl (top|describe node)"),
    "dependencies": re.compile(r"qdrant|redis|/readyz|6333|PING"),
    "rollback": re.compile(r"rollout undo"),
    "restart": re.compile(r"rollout restart|delete pod"),
    "scaling": re.compile(r"kubectl scale|hpa"),
}
"""Which commands in the record show that something was done."""


def done_of(incident: Incident) -> frozenset[str]:
    """Return what the record shows as done: a command that ended well, or a diagnosis."""
    found = set()
    for step in incident.steps.values():
        ended = step.ended
        if ended is None or ended.data.get("outcome") != "done":
            continue
        command = str(step.begun.data.get("command", step.begun.data.get("as_written", "")))
        found |= {word for word, pattern in DONE.items() if pattern.search(command)}
    if any(event.kind == Kind.DIAGNOSED for event in incident.events):
        found |= {"infrastructure", "dependencies"}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a backend's process has counted since it began (a Unix time, in seconds)."""

    began: float
    failed: float
    """Answers that failed for want of a provider."""
    questions: float
    within: Mapping[float, float]
    """How many took up to so many seconds; where it is none, a bound may be missing."""

    def slower_than(self, before: "_Counted") -> bool | None:
        """Whether most questions since `before` took longer than was usual until then."""
        asked = self.questions - before.questions
        if asked < ENOUGH or not before.questions:
            return None
        most = before.questions / 2
        usual_s = min((each for each, n in before.within.items() if n >= most), default=math.inf)
        long_s = max(usual_s * SLOWER, usual_s + SLOWER_BY_S)
        bound = min((each for each in self.within if each >= long_s), default=None)
        if bound is None:
            return None
        quick = self.within[bound] - before.within.get(bound, 0.0)
        return asked - quick > asked / 2


class Looking:
    """Looks quickly at what a template may speak of; everything side by side."""

    def __init__(
        self, places: Places, *, timeout_s: float = LOOK_S, between_s: float = BETWEEN_S
    ) -> None:
        """Look at these places; at counters twice, so far apart."""
        self._places = places
        self._timeout_s = timeout_s
        self._between_s = between_s

    def facts(self, incident: Incident) -> Facts:
        """Return what is known now.

        It takes about the time of one request, and two looks at counters where those have to tell.
        """
        found: dict[str, Any] = {}
        names = [n for n in ("public", "frontend", "backend") if n in self._places.parts]
        threads = [threading.Thread(target=self._look, args=(n, found), daemon=True) for n in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self._timeout_s * 2)
        seen = dict(found)
        health = seen.get("health")
        status, body = health or (0, None)
        body = body if isinstance(body, dict) else {}
        named = body.get("dependencies")
        facts = Facts(
            self._reachable(seen),
            status < _SERVER_ERROR and body.get("status") in {"ok", "degraded"} if body else None,
            {
                str(name): str(each.get("state", "unknown"))
                for name, each in (named if isinstance(named, dict) else {}).items()
                if isinstance(each, dict)
            },
            {str(m.get("name")): str(m.get("value")) for m in body.get("modes", ()) if m},
            done=done_of(incident),
        )
        return self._felt(facts, incident)

    def _felt(self, facts: Facts, incident: Incident) -> Facts:
        """Add what counters tell where states leave open what readers feel."""
        unclear = facts.provider_down(*PROVIDERS) and facts.writer is None
        slowed = facts.is_down("redis")
        if not unclear and not slowed:
            return facts
        seen_twice = self._counted_twice()
        if seen_twice is None:
            return facts
        first, second = seen_twice
        opened = incident.times.get("opened")
        fresh = opened is not None and second.began >= opened.timestamp()
        return replace(
            facts,
            failing=second.failed > first.failed if unclear else None,
            slower=second.slower_than(first) if slowed and not fresh else None,
        )

    def _counted_twice(self) -> "tuple[_Counted, _Counted] | None":
        """Look twice at the counters, a moment apart; None unless of the same process."""
        first = self._counted()
        threading.Event().wait(self._between_s)
        second = self._counted()
        if first is None or second is None or first.began != second.began:
            return None
        return first, second

    def _counted(self) -> "_Counted | None":
        try:
            status, body = fetch(self._places.parts["backend"], "/metrics", self._timeout_s)
        except FAULTS:
            return None
        if status >= _SERVER_ERROR:
            return None
        families = {_FAILED, _STARTED, *(f"{_TIMES}_{of}" for of in ("count", "bucket"))}
        told = metrics_of(body.decode(errors="replace"), families)

        def total(family: str, label: str) -> float:
            return sum(told[each] for each in told if each.startswith(family) and label in each)

        return _Counted(
            total(_STARTED, ""),
            total(_FAILED, 'code="generation_unavailable"'),
            total(f"{_TIMES}_count", _QUESTIONS),
            {
                float(bound[1]): count
                for each, count in told.items()
                if _QUESTIONS in each and (bound := _UP_TO.search(each))
            },
        )

    def _look(self, name: str, found: dict[str, Any]) -> None:
        place = self._places.parts[name]
        try:
            if name == "backend":
                found["health"] = fetch_json(place, "/health", self._timeout_s)
                found[name] = True
            else:
                path = "/health" if name == "public" else "/livez"
                status, body = fetch_json(place, path, self._timeout_s)
                # /health that says "down" in its own words was reached: saved answers may be given.
                says = isinstance(body, dict) and "dependencies" in body
                found[name] = status < _SERVER_ERROR or says
        except FAULTS:
            found[name] = False

    def _reachable(self, seen: Mapping[str, Any]) -> bool | None:
        """An address that was merely assumed proves nothing by its silence."""
        parts = self._places.parts
        if "public" in seen:
            return bool(seen["public"])
        known = [
            bool(seen[name])
            for name in ("frontend", "backend")
            if name in seen and (seen[name] or parts[name].stated)
        ]
        return all(known) if known else None
