"""All incidents of this machine: a folder each, with the record and a copy of the runbook."""

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from info_assistant.runbooks.errors import NoSuchIncident, RecordBroken, RecordError
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.record.events import Event, Kind, check_chain, parse_line
from info_assistant.runbooks.record.incident import Incident, Status, check_allowed, incident_of
from info_assistant.runbooks.record.log import LOCK_WAIT_S, Record, hold, sync_folder
from info_assistant.runbooks.record.redaction import Redaction

EXPORT_SCHEMA = 1
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known when an incident is opened."""

    title: str
    scenario: str = ""
    severity: str = "P0"
    started: datetime | None = None
    """When it began, if that is known; else the moment of opening."""
    detected: datetime | None = None
    drill: bool = False


class Incidents:
    """The incidents of one machine."""

    def __init__(self, folder: Path, redaction: Redaction, *, author: tuple[str, str]) -> None:
        """Keep them in `folder`, which is made when the first one is opened."""
        self._folder = folder
        self._redaction = redaction
        self._author = author
        self._seen: dict[str, tuple[tuple[int, int], Incident]] = {}

    def open(self, opening: Opening, runbook: bytes, name: str) -> Incident:
        """Begin the record of an incident and pin the runbook. Raises RecordError."""
        words = re.sub(r"[^a-z0-9]+", "-", (opening.scenario or "incident").lower()).strip("-")
        identity = f"{datetime.now(UTC):%Y-%m-%d}-{words}-{secrets.token_hex(2)}"
        self._make(identity, runbook)
        record = self._record(identity)
        data: dict[str, Any] = {
            "id": identity,
            "title": opening.title,
            "scenario": opening.scenario,
            "severity": opening.severity,
            "runbook": name,
            "runbook_sha256": hashlib.sha256(runbook).hexdigest(),
            "keeper": self.station(),
        }
        if opening.drill:
            data["drill"] = True
        for key, at in (("started", opening.started), ("detected", opening.detected)):
            if at is not None:
                data[key] = at.isoformat()
        record.append(Kind.OPENED, data)
        return incident_of(record.events())

    def _make(self, identity: str, runbook: bytes) -> None:
        folder = self._folder / identity
        try:
            folder.mkdir(parents=True, mode=0o700)
            with (folder / "runbook.md").open("wb") as file:
                file.write(runbook)
                file.flush()
                os.fsync(file.fileno())
            self._record(identity).begin()
            sync_folder(self._folder)
        except OSError as error:
            raise RecordError(
                f"{folder} cannot be made ({error.strerror}). Choose another place with "
                "INCIDENT_DIR."
            ) from error

    def _record(self, name: str) -> Record:
        return Record(self._folder / name, self._redaction, author=self._author)

    def station(self) -> str:
        """Return the name of this store of records, which it keeps for ever. Raises RecordError.

        It tells, of several copies of an incident, whose service keeps the clock and sends.
        """
        file = self._folder / "station"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = file.with_name(f"station.{secrets.token_hex(4)}")
            with contextlib.suppress(FileNotFoundError):
                return file.read_text(encoding="ascii").strip()
            fresh.write_text(secrets.token_hex(6) + "\n", encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(fresh, file)  # Whoever comes first has named it.
            fresh.unlink()
            sync_folder(self._folder)
            return file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise RecordError(
                f"{self._folder} cannot be written ({error.strerror}). Choose another place with "
                "INCIDENT_DIR."
            ) from error

    def decide(
        self, name: str, decision: Callable[[Incident], tuple[Kind, Mapping[str, Any]] | None]
    ) -> Event | None:
        """Append what `decision` makes of the incident, with nobody deciding at the same time.

        Raises RecordError, NotAllowed.
        """
        record = self.record(name)
        with hold(record.folder / "state.lock", LOCK_WAIT_S):
            incident = incident_of(record.events())
            wanted = decision(incident)
            if wanted is None:
                return None
            check_allowed(incident, wanted[0])
            return record.append(*wanted)

    def redacted(self, text: str) -> str:
        """Return a text without secrets, as it may be shown or kept."""
        return self._redaction.text(text)

    def names(self) -> list[str]:
        """Return the names of all incidents, oldest first."""
        if not self._folder.is_dir():
            return []
        return sorted(
            each.name for each in self._folder.iterdir() if (each / "record.jsonl").is_file()
        )

    def survey(self) -> tuple[list[Incident], dict[str, str]]:
        """Return all incidents that can be read, oldest first, and why each of the others cannot.

        One broken record is not to be in the way of those who look after another.
        """
        fine, broken = [], {}
        for name in self.names():
            try:
                fine.append(self.seen(name))
            except RecordError as problem:
                broken[name] = problem.message
        return fine, broken

    def current(self, name: str | None = None) -> str:
        """Return the incident that is meant: the named one, else the only one that is not closed.

        What cannot be read is meant only by its name. Raises NoSuchIncident.
        """
        if name is not None:
            known = self.names()
            fitting = [each for each in known if each == name] or [
                each for each in known if name in each
            ]
            if len(fitting) == 1:
                return fitting[0]
            raise NoSuchIncident(
                f"{len(fitting)} incidents fit {name!r}. There are: {', '.join(known) or 'none'}."
            )
        fine, broken = self.survey()
        alive = [each.id for each in fine if each.status is not Status.CLOSED]
        if len(alive) == 1:
            return alive[0]
        if not alive:
            besides = f" Broken, so nobody knows: {', '.join(broken)}." if broken else ""
            raise NoSuchIncident(
                f"No incident is open. Begin with `info-assistant incident open`.{besides}"
            )
        raise NoSuchIncident(f"Several incidents are open; name one with --id: {', '.join(alive)}.")

    def record(self, name: str) -> Record:
        """Return the record of an incident. Raises NoSuchIncident."""
        if not _ID.fullmatch(name) or not (self._folder / name / "record.jsonl").is_file():
            raise NoSuchIncident(f"There is no incident {name} in {self._folder}.")
        return self._record(name)

    def read(self, name: str) -> Incident:
        """Return an incident, its record verified. Raises RecordError."""
        return incident_of(self.record(name).events())

    def seen(self, name: str) -> Incident:
        """Return an incident that is not to be changed, verified again only when its file did.

        Raises RecordError.
        """
        file = self.record(name).folder / "record.jsonl"
        try:
            found = file.stat()
        except OSError as error:
            raise RecordError(f"{file} cannot be read: {error.strerror}.") from error
        stamp = (found.st_mtime_ns, found.st_size)
        known = self._seen.get(name)
        if known is None or known[0] != stamp:
            # Read after the look: what comes in between is seen as new the next time.
            known = self._seen[name] = (stamp, self.read(name))
        return known[1]

    def tell(self, name: str, kind: Kind, data: Mapping[str, Any]) -> Event:
        """Append an event if the incident takes it in its state. Raises RecordError, NotAllowed."""
        event = self.decide(name, lambda _: (kind, data))
        if event is None:  # A decision that is always one.
            raise AssertionError
        return event

    def runbook(self, name: str) -> Runbook:
        """Return the runbook as it was when the incident was opened. Raises RecordBroken."""
        incident = self.read(name)
        data = self._pinned(name, incident.runbook_sha256)
        return parse_runbook(data, incident.runbook)

    def _pinned(self, name: str, digest: str) -> bytes:
        try:
            data = (self._folder / name / "runbook.md").read_bytes()
        except OSError as error:
            raise RecordBroken(f"The runbook of {name} is missing beside its record.") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise RecordBroken(
                f"The runbook beside the record of {name} is not the one it was opened with."
            )
        return data

    def export(self, name: str) -> dict[str, Any]:
        """Return all of an incident, for another machine. Raises RecordError."""
        events = self.record(name).events()
        pinned = self._pinned(name, incident_of(events).runbook_sha256)
        return {
            "schema": EXPORT_SCHEMA,
            "id": name,
            "runbook": base64.b64encode(pinned).decode(),
            "record": [event.text for event in events],
        }

    def join(self, exported: str) -> tuple[Incident, int]:
        """Take over what another machine exported; return it and how many events were new.

        Where both copies went on by themselves, the other's events are kept as one event of ours.
        Raises RecordBroken for what is no export of an incident, or was changed.
        """
        name, runbook, events = _parse_export(exported)
        if name not in self.names():
            self._make(name, runbook)
            self._record(name).extend(events)
            return self.read(name), len(events)
        record = self.record(name)
        own = record.events()
        fork = next(
            (
                at
                for at, (mine, theirs) in enumerate(zip(own, events, strict=False))
                if mine.hash != theirs.hash
            ),
            min(len(own), len(events)),
        )
        if fork == 0:
            raise RecordBroken(f"The export is of another incident that is called {name} as well.")
        known = {event.hash for event in incident_of(own).events}
        fresh = [event for event in events[fork:] if event.hash not in known]
        if fresh and fork == len(own):
            record.extend(events[fork:])
        elif fresh:
            record.merge(events[fork:], own[fork - 1])
        return self.read(name), len(fresh)


def _parse_export(text: str) -> tuple[str, bytes, list[Event]]:
    try:
        data = json.loads(text)
        name, lines = data["id"], data["record"]
        runbook = base64.b64decode(data["runbook"], validate=True)
        fine = (
            isinstance(name, str)
            and _ID.fullmatch(name)
            and lines
            and all(isinstance(each, str) for each in lines)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RecordBroken("This file is no export of an incident.") from error
    if not fine:
        raise RecordBroken("This file is no export of an incident.")
    events = [parse_line(str(line), number) for number, line in enumerate(lines, start=1)]
    check_chain(events)
    incident = incident_of(events)
    if incident.id != name or hashlib.sha256(runbook).hexdigest() != incident.runbook_sha256:
        raise RecordBroken("The export's runbook, or its name, is not that of its record.")
    return name, runbook, events
