"""Who is behind a handle: Slack ids, addresses and routes from a file, and who is on call now."""

import contextlib
import json
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from info_assistant.runbooks.errors import NotConfigured, NotDelivered
from info_assistant.runbooks.receivers.http import WebService

ON_CALL = "@oncall"
_FRESH_S = 60.0
"""For so long an answer of PagerDuty counts as now."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be called."""

    name: str
    slack: str = ""
    mail: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of time in which somebody is on call."""

    who: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class People:
    """What is known of the people of a runbook."""

    persons: Mapping[str, Person] = field(default_factory=dict)
    handles: Mapping[str, str] = field(default_factory=dict)
    """A handle's Slack id, or the name of a person."""
    rota: Sequence[Shift] = ()

    def on_call(self, now: datetime) -> str:
        """Return who is on call by the rota, empty if nobody; the shift written last counts."""
        found = [each.who for each in self.rota if each.begins <= now < each.ends]
        return found[-1] if found else ""

    def slack_ids(self, on_call: str = "") -> dict[str, str]:
        """Return the Slack id of each handle that is known; `on_call` is who @oncall is now."""
        ids = {}
        for handle, value in self.handles.items():
            ids[handle] = self.persons[value].slack if value in self.persons else value
        if on_call in self.persons and self.persons[on_call].slack:
            ids[ON_CALL] = self.persons[on_call].slack
        return {handle: each for handle, each in ids.items() if each}

    def addresses(self, on_call: str = "") -> dict[str, str]:
        """Return the mail address of each handle that is known."""
        named = {**self.handles, **({ON_CALL: on_call} if on_call else {})}
        return {
            handle: self.persons[who].mail
            for handle, who in named.items()
            if who in self.persons and self.persons[who].mail
        }


def people_of(file: Path) -> People:
    """Read a file of people (TOML). Raises NotConfigured."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        return People(
            {
                name: Person(name, **{key: str(value) for key, value in each.items()})
                for name, each in data.get("people", {}).items()
            },
            {
                f"@{handle.lstrip('@')}": str(value)
                for handle, value in data.get("handles", {}).items()
            },
            tuple(_shift(each) for each in data.get("rota", ())),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotConfigured(
            f"{file} (INCIDENT_PEOPLE) is no file of people: {error}. docs/incidents.md shows one."
        ) from error


def _shift(data: Mapping[str, Any]) -> Shift:
    begins, ends = data["from"], data["to"]
    if not isinstance(begins, datetime) or not isinstance(ends, datetime):
        raise TypeError("from and to of a shift are times such as 2026-11-23T09:00:00Z")
    return Shift(str(data["who"]), _utc(begins), _utc(ends))


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class PagerDutyRota:
    """Asks PagerDuty who is on call; remembers the last answer for when it cannot be asked."""

    def __init__(self, service: WebService, schedule: str, memory: Path) -> None:
        """Ask for one schedule, keeping the answer in the file `memory`."""
        self._service = service
        self._schedule = schedule
        self._memory = memory
        self._known: tuple[float, str] = float("-inf"), ""

    def on_call(self) -> str:
        """Return the name of who is on call, empty where nobody is known; asked once a minute."""
        asked_at, who = self._known
        if time.monotonic() - asked_at > _FRESH_S:
            who = self._asked()
            self._known = time.monotonic(), who
        return who

    def _asked(self) -> str:
        try:
            asked = urlencode({"schedule_ids[]": self._schedule, "earliest": "true"})
            answer = self._service.call("GET", f"/oncalls?{asked}")
            who = str(answer["oncalls"][0]["user"]["summary"])
        except (NotDelivered, LookupError, TypeError):
            return self._remembered()
        try:
            self._memory.write_text(json.dumps({"on_call": who}), encoding="utf-8")
        except OSError:
            return who  # Remembering is a convenience.
        return who

    def _remembered(self) -> str:
        try:
            return str(json.loads(self._memory.read_text(encoding="utf-8"))["on_call"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def _this_moment() -> datetime:
    return datetime.now(UTC)


class Directory:
    """Who is behind a handle at this moment: shifts end while a service goes on for weeks.

    The file of people is read again once it has changed; while it cannot be read, what was known
    before holds.
    """

    def __init__(
        self,
        file: Path | None = None,
        rota: PagerDutyRota | None = None,
        moment: Callable[[], datetime] = _this_moment,
    ) -> None:
        """Read the file. PagerDuty's `rota` counts where the file's names nobody.

        Raises NotConfigured.
        """
        self._file = file
        self._rota = rota
        self._moment = moment
        self._people = people_of(file) if file else People()
        self._changed = _changed(file)

    @property
    def on_call(self) -> str:
        """Who is on call now, empty where nobody is known."""
        return self._on_call(self._now())

    def slack_ids(self) -> dict[str, str]:
        """Return the Slack id of each handle that is known."""
        people = self._now()
        return people.slack_ids(self._on_call(people))

    def addresses(self) -> dict[str, str]:
        """Return the mail address of each handle that is known."""
        people = self._now()
        return people.addresses(self._on_call(people))

    def _on_call(self, people: People) -> str:
        named = people.on_call(self._moment())
        return named or (self._rota.on_call() if self._rota else "")

    def _now(self) -> People:
        changed = _changed(self._file)
        if self._file and changed != self._changed:
            with contextlib.suppress(NotConfigured):
                self._people = people_of(self._file)
                self._changed = changed
        return self._people


def _changed(file: Path | None) -> tuple[int, int]:
    """Return what tells a file that was changed from what it was."""
    try:
        found = file.stat() if file else None
    except OSError:
        found = None
    return (found.st_mtime_ns, found.st_size) if found else (0, 0)
