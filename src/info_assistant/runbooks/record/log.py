"""The file of events: appended, fsynced, locked for the moment of writing, verified when read.

`record.jsonl` holds the events. `head.json` holds number and hash of the last one, written after
it, so that a record whose end was cut off is seen: the chain alone would not tell. Whoever can
write both can cut both; against that the head's hash is printed with every command, to be kept
somewhere else and compared by `incident verify-log --head`.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from info_assistant.runbooks.errors import RecordBroken, RecordBusy, RecordError
from info_assistant.runbooks.record.events import (
    NOTHING_BEFORE,
    Event,
    Kind,
    check_chain,
    next_event,
    parse_line,
)
from info_assistant.runbooks.record.redaction import Redaction

LOCK_WAIT_S = 30.0
"""How long a writer waits for another one; an append takes milliseconds."""

_POLL_S = 0.02


class Record:
    """The record of one incident, in a folder of its own. Any number of processes may append."""

    def __init__(self, folder: Path, redaction: Redaction, *, author: tuple[str, str]) -> None:
        """Write as `author`: who, and on which machine. Nothing is read or made yet."""
        self.folder = folder
        self._file = folder / "record.jsonl"
        self._head = folder / "head.json"
        self._redaction = redaction
        self._author = author

    def begin(self) -> None:
        """Write the head of a record without events, so that from now on its absence tells."""
        self._write_head(0, NOTHING_BEFORE)

    def append(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Append one event and return it when it is on the disk. Raises RecordError."""
        with self._locked():
            events, size = self._load()
            last = events[-1] if events else None
            event = next_event(last, kind, self._redaction.mapping(data), self._author)
            self._write([event], size)
        return event

    def merge(self, foreign: list[Event], after: Event) -> Event:
        """Keep events of a copy that went on by itself behind `after`, as one event of ours."""
        data = {"after": after.hash, "events": [event.text for event in foreign]}
        with self._locked():
            events, size = self._load()
            event = next_event(events[-1], Kind.MERGED, data, self._author)
            self._write([event], size)
        return event

    def extend(self, events: list[Event]) -> None:
        """Append events that were written elsewhere, as they are. Raises RecordError."""
        with self._locked():
            known, size = self._load()
            check_chain(events, last=known[-1] if known else None)
            self._write(events, size)

    def events(self) -> list[Event]:
        """Return all events, verified. Raises RecordBroken, RecordError."""
        return self._load()[0]

    def _load(self) -> tuple[list[Event], int]:
        """Return the events and how many bytes of the file they are.

        Bytes behind the last line's end are what a crash left of an event nobody was told of.
        """
        # Before the record: who writes does it after, so a reader beside them misses no event.
        last, digest = self._read_head()
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise RecordError(f"{self._file} cannot be read: {error.strerror}.") from error
        size = data.rfind(b"\n") + 1
        try:
            lines = data[:size].decode("utf-8").split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise RecordBroken(
                "The record holds bytes that are no text; it was changed."
            ) from error
        events = [parse_line(line, number) for number, line in enumerate(lines, start=1)]
        check_chain(events)
        known = [NOTHING_BEFORE, *(event.hash for event in events)]
        if last >= len(known) or known[last] != digest:
            raise RecordBroken(
                f"The record had {last} events and has {len(events)}: its end was cut off, or "
                "another record was put in its place."
            )
        return events, size

    def _read_head(self) -> tuple[int, str]:
        """Return the number and the hash of the last event that was written whole."""
        try:
            head = json.loads(self._head.read_text(encoding="utf-8"))
            return int(head["number"]), str(head["hash"])
        except FileNotFoundError:
            raise RecordBroken(
                "head.json is missing beside the record, so nobody can tell whether events at its "
                "end are missing as well."
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordBroken("head.json beside the record is not what was written.") from error

    def _write(self, events: list[Event], size: int) -> None:
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.ftruncate(handle, size)
                os.lseek(handle, size, os.SEEK_SET)
                rest = "".join(event.text + "\n" for event in events).encode()
                while rest:
                    rest = rest[os.write(handle, rest) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            self._write_head(events[-1].number, events[-1].hash)
        except OSError as error:
            raise RecordError(
                f"The record in {self.folder} cannot be written ({error.strerror}). What was to be "
                "recorded is not; make room or choose another place with INCIDENT_DIR."
            ) from error

    def _write_head(self, number: int, digest: str) -> None:
        fresh = self._head.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump({"number": number, "hash": digest}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._head)
        sync_folder(self.folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with hold(self.folder / "lock", LOCK_WAIT_S):
            yield


@contextlib.contextmanager
def hold(path: Path, wait_s: float) -> Iterator[None]:
    """Hold a lock that ends with the process. Raises RecordBusy when another holds it so long."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RecordError(f"{path.parent} cannot be written: {error.strerror}.") from error
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RecordBusy(
                        f"Another process holds {path}. If it hangs, end it; a lock ends with its "
                        "process."
                    ) from None
                time.sleep(_POLL_S)  # noqa: TID251  A lock of the system cannot be awaited with a bound.
        yield
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
